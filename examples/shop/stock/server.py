"""How many pieces of each article are on the shelf, over gRPC."""

import logging
import os
import signal
import threading
from concurrent import futures

import grpc

import stock_pb2_grpc
from shelf import NotEnough, Shelf, UnknownArticle
from stock_pb2 import Level, LevelsReply

log = logging.getLogger("stock.server")


class Stock(stock_pb2_grpc.StockServicer):
    def __init__(self, shelf):
        self.shelf = shelf

    def Levels(self, request, context):
        levels = self.shelf.levels(list(request.skus))
        return LevelsReply(levels=[Level(sku=sku, pieces=pieces) for sku, pieces in levels])

    def Reserve(self, request, context):
        level = self.change(request.sku, -request.pieces, context)
        log.info("reserved %d x %s for order %s", request.pieces, request.sku, request.order_id)
        return level

    def Release(self, request, context):
        log.warning("order %s was not paid, %d x %s go back", request.order_id, request.pieces, request.sku)
        return self.change(request.sku, request.pieces, context)

    def Restock(self, request, context):
        log.info("delivery: %d x %s", request.pieces, request.sku)
        return self.change(request.sku, request.pieces, context)

    def change(self, sku, pieces, context):
        try:
            return Level(sku=sku, pieces=self.shelf.change(sku, pieces))
        except NotEnough as error:
            log.warning("%s", error)
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))
        except UnknownArticle as error:
            context.abort(grpc.StatusCode.NOT_FOUND, str(error))


def main():
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)-8s %(name)s: %(message)s")
    shelf = Shelf(os.environ["DATABASE_URL"])
    shelf.create()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=8))
    stock_pb2_grpc.add_StockServicer_to_server(Stock(shelf), server)
    server.add_insecure_port("0.0.0.0:50051")
    server.start()
    log.info("serving on port 50051")

    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: stop.set())
    stop.wait()
    log.info("stopping")
    server.stop(grace=2).wait()


if __name__ == "__main__":
    main()
