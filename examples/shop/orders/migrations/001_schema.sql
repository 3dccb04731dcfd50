CREATE TABLE products (
    sku text PRIMARY KEY,
    name text NOT NULL,
    description text NOT NULL,
    price_cents integer NOT NULL CHECK (price_cents > 0)
);

CREATE TABLE reviews (
    id serial PRIMARY KEY,
    sku text NOT NULL REFERENCES products,
    stars integer NOT NULL,
    text text NOT NULL
);
CREATE INDEX ON reviews (sku);

CREATE TABLE orders (
    id serial PRIMARY KEY,
    sku text NOT NULL REFERENCES products,
    quantity integer NOT NULL CHECK (quantity > 0),
    email text NOT NULL,
    total_cents integer NOT NULL,
    discount_rate double precision NOT NULL,
    charge text NOT NULL,
    status text NOT NULL,
    created timestamptz NOT NULL DEFAULT now()
);
