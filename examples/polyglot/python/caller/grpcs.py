"""gRPC: Python asks Go and Python, directly and through nginx; Go asks Python."""

import time

import grpc

import market_pb2_grpc
from caller.fails import fails
from market_pb2 import Article, Pieces


def speak(_):
    with grpc.insecure_channel("stock:50051") as channel:
        stock = market_pb2_grpc.StockStub(channel)
        stock.Level(Article(sku="net-40"), timeout=5)
        with fails(grpc.RpcError):
            stock.Level(Article(sku="tent"), timeout=5)
        assert len(list(stock.Watch(Article(sku="net-40"), timeout=5))) == 3
        stock.Fill(iter([Pieces(sku="rod-270", pieces=2), Pieces(sku="rod-270", pieces=1)]), timeout=5)
        assert len(list(stock.Chat(iter([Article(sku="net-40"), Article(sku="rod-270")]), timeout=5))) == 2
        with fails(grpc.RpcError):
            list(stock.Watch(Article(sku="rod-270"), timeout=0.4))
        with fails(grpc.RpcError):
            channel.unary_unary("/market.Stock/Nonsense")(b"", timeout=5)
    with grpc.insecure_channel("prices:50052") as channel:
        prices = market_pb2_grpc.PricesStub(channel)
        prices.Price(Article(sku="net-40"), timeout=5, metadata=[("authorization", "Bearer t0psecret")])
        with fails(grpc.RpcError):
            prices.Price(Article(sku="net-40"), timeout=5)
        asked = prices.Price.future(Article(sku="tent"), metadata=[("authorization", "Bearer t0psecret")])
        time.sleep(0.1)
        asked.cancel()
    with grpc.insecure_channel("gateway:8080") as channel:
        market_pb2_grpc.StockStub(channel).Level(Article(sku="rod-270"), timeout=5)
