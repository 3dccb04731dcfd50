"""The shop's API: articles, search, orders."""

from flask import Flask, jsonify
from werkzeug.exceptions import HTTPException

from . import checkout, logfmt, products


def create_app():
    app = Flask(__name__)
    logfmt.install(app)
    app.register_blueprint(products.routes)
    app.register_blueprint(checkout.routes)

    @app.get("/healthz")
    def healthz():
        return {"status": "ok"}

    @app.errorhandler(HTTPException)
    def refused(error):
        return jsonify(error=error.name.lower().replace(" ", "_"), message=error.description), error.code

    @app.errorhandler(Exception)
    def failed(error):
        logfmt.error("unhandled", error)
        return jsonify(error="internal", message="The shop has a problem, please try again."), 500

    return app
