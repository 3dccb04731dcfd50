"""Taking an order: reserve, charge, write down, have a receipt sent."""

import json
import uuid

import grpc
from flask import Blueprint, abort, jsonify, request

from . import backends, logfmt
from .stock_pb2 import ReserveRequest

routes = Blueprint("checkout", __name__)
COUPONS = {"WELCOME10": 10, "SUMMER25": 25, "GIFT100": 100}


@routes.post("/orders")
def place_order():
    wish = request.get_json()
    sku, quantity = wish.get("sku", ""), int(wish.get("quantity", 1))
    with backends.database() as db:
        db.execute("SELECT price_cents FROM products WHERE sku = %s", (sku,))
        (price,) = db.fetchone() or abort(404, f"there is no article {sku}")
    gross = price * quantity
    total = gross - gross * COUPONS.get(wish.get("coupon"), 0) // 100
    # How much of what is paid was given away, for the monthly report.
    discount_rate = (gross - total) / total

    reservation = str(uuid.uuid4())
    wanted = ReserveRequest(order_id=reservation, sku=sku, pieces=quantity)
    try:
        backends.stock("Reserve", wanted)
    except grpc.RpcError as error:
        if error.code() == grpc.StatusCode.FAILED_PRECONDITION:
            return jsonify(error="out_of_stock", message=error.details()), 409
        raise

    body = {"order": reservation, "amount_cents": total, "card": wish.get("card", "")}
    status, paid = backends.payments("/charges", body, key=reservation)
    if status != 201:
        backends.stock("Release", wanted)
        return jsonify(paid), status

    with backends.database() as db:
        db.execute(
            "INSERT INTO orders (sku, quantity, email, total_cents, discount_rate, charge, status)"
            " VALUES (%s, %s, %s, %s, %s, %s, 'paid') RETURNING id",
            (sku, quantity, wish.get("email", ""), total, discount_rate, paid["id"]),
        )
        (number,) = db.fetchone()
    backends.cache.lpush("mail", json.dumps({"kind": "receipt", "order": number}))
    logfmt.info("order placed", order=number, sku=sku, quantity=quantity, cents=total)
    return jsonify(id=number, status="paid", total_cents=total), 201


@routes.get("/orders/<int:number>")
def show_order(number):
    with backends.database() as db:
        db.execute(
            "SELECT o.id, o.sku, p.name, o.quantity, o.email, o.total_cents, o.status"
            " FROM orders o JOIN products p USING (sku) WHERE o.id = %s",
            (number,),
        )
        row = db.fetchone() or abort(404, f"there is no order {number}")
    return dict(zip(("id", "sku", "name", "quantity", "email", "total_cents", "status"), row))
