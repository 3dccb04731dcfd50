"""What things cost: gRPC."""

import logging
import signal
import time
from concurrent import futures

import grpc

import market_pb2_grpc
from market_pb2 import Money

CENTS = {"net-40": 1999, "rod-270": 8900}
log = logging.getLogger("prices")


class Prices(market_pb2_grpc.PricesServicer):
    def Price(self, article, context):
        if not any(key == "authorization" for key, _ in context.invocation_metadata()):
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "who asks?")
        if article.sku == "tent":
            time.sleep(0.3)
        if article.sku not in CENTS:
            context.abort(grpc.StatusCode.NOT_FOUND, f"{article.sku} has no price")
        return Money(currency="EUR", cents=CENTS[article.sku])


def main():
    logging.basicConfig(level=logging.INFO)
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    market_pb2_grpc.add_PricesServicer_to_server(Prices(), server)
    server.add_insecure_port("0.0.0.0:50052")
    server.start()
    log.info("serving on port 50052")
    signal.signal(signal.SIGTERM, lambda *_: server.stop(grace=0))
    server.wait_for_termination()


if __name__ == "__main__":
    main()
