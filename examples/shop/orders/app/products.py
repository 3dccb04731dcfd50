"""What there is to buy."""

import json

from flask import Blueprint, abort, request

from . import backends
from .stock_pb2 import LevelsRequest, RestockRequest

routes = Blueprint("products", __name__)
FIELDS = ("sku", "name", "description", "price_cents")


def with_levels(articles):
    reply = backends.stock("Levels", LevelsRequest(skus=[a["sku"] for a in articles]))
    pieces = {level.sku: level.pieces for level in reply.levels}
    return [{**a, "pieces": pieces.get(a["sku"], 0)} for a in articles]


@routes.get("/products")
def list_products():
    cached = backends.cache.get("products")
    if cached:
        articles = json.loads(cached)
    else:
        with backends.database() as db:
            db.execute("SELECT sku, name, description, price_cents FROM products ORDER BY name")
            articles = [dict(zip(FIELDS, row)) for row in db.fetchall()]
        backends.cache.setex("products", 10, json.dumps(articles))
    return {"products": with_levels(articles)}


@routes.get("/products/<sku>")
def show_product(sku):
    with backends.database() as db:
        db.execute("SELECT sku, name, description, price_cents FROM products WHERE sku = %s", (sku,))
        row = db.fetchone() or abort(404, f"there is no article {sku}")
        db.execute("SELECT stars, text FROM reviews WHERE sku = %s LIMIT 5", (sku,))
        reviews = [{"stars": stars, "text": text} for stars, text in db.fetchall()]
    backends.cache.incr(f"views:{sku}")
    return {**with_levels([dict(zip(FIELDS, row))])[0], "reviews": reviews}


@routes.get("/search")
def search():
    """Parses every review for each search, as there is no index: slow, and known to be."""
    words = request.args.get("q", "").strip() or abort(400, "q is missing")
    with backends.database() as db:
        db.execute(
            "SELECT p.sku, p.name, p.description, p.price_cents FROM products p"
            " JOIN reviews r USING (sku) WHERE to_tsvector('english', r.text) @@ plainto_tsquery('english', %s) GROUP BY p.sku ORDER BY count(*) DESC LIMIT 10",
            (words,),
        )
        articles = [dict(zip(FIELDS, row)) for row in db.fetchall()]
    return {"products": with_levels(articles) if articles else []}


@routes.put("/stock/<sku>")
def restock(sku):
    pieces = request.get_json().get("pieces", 0)
    level = backends.stock("Restock", RestockRequest(sku=sku, pieces=pieces))
    return {"sku": level.sku, "pieces": level.pieces}
