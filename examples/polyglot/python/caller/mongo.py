"""MongoDB: documents, cursors, keys that exist, commands that do not."""

import pymongo
from pymongo.errors import DuplicateKeyError, OperationFailure

from caller.fails import fails


def speak(number):
    with pymongo.MongoClient("mongodb://mongo", serverSelectionTimeoutMS=5000) as client:
        market = client.market
        market.articles.delete_many({})
        market.articles.insert_one({"_id": 1, "sku": "net-40", "round": number})
        market.articles.insert_many([{"_id": key, "sku": f"hook-{key}"} for key in range(2, 8)])
        assert len(list(market.articles.find({"_id": {"$gt": 1}}, batch_size=3))) == 6
        market.articles.update_one({"_id": 1}, {"$set": {"sku": "net-50"}})
        assert market.articles.count_documents({}) == 7
        with fails(DuplicateKeyError):
            market.articles.insert_one({"_id": 1})
        with fails(OperationFailure):
            market.command("nonsense")
