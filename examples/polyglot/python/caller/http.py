"""HTTP/1: requests, and what is spoken over it."""

import requests


def speak(number):
    with requests.Session() as session:
        session.get("http://gateway/", timeout=5)
        session.get("http://gateway/articles?sort=name", timeout=5)
        session.get("http://gateway/nowhere", timeout=5)
        session.get("http://gateway/broken", timeout=5)
        session.post("http://web:8000/orders", json={"sku": "net-40", "password": "open sesame"}, timeout=5)
        with session.get("http://web:8000/events", stream=True, timeout=5) as events:
            list(events.iter_lines())
        rpc = {"jsonrpc": "2.0", "id": number, "method": "add", "params": [40, 2]}
        session.post("http://web:8000/rpc", json=rpc, timeout=5)
        session.post("http://web:8000/rpc", json={**rpc, "method": "divide"}, timeout=5)
        query = {"query": "query Article($sku: String!) { article(sku: $sku) { name } }", "operationName": "Article"}
        session.post("http://web:8000/graphql", json={**query, "variables": {"sku": "net-40"}}, timeout=5)
        session.post("http://web:8000/graphql", json={**query, "variables": {"sku": "tent"}}, timeout=5)
