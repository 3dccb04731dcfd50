INSERT INTO products (sku, name, description, price_cents) VALUES
    ('net-40', 'Landing net, 40 cm', 'Rubber mesh that is kind to scales.', 2490),
    ('rod-270', 'Travel rod, 2.7 m', 'Four sections, fits into a rucksack.', 8900),
    ('reel-30', 'Spinning reel, size 30', 'Smooth drag, seven bearings.', 6450),
    ('line-025', 'Braided line, 0.25 mm', 'Three hundred metres, sea green.', 1890),
    ('box-12', 'Tackle box, 12 trays', 'Closes even when it is full.', 3290),
    ('lamp-h1', 'Head lamp', 'Red light for the night, white for the knots.', 2750),
    ('hat-w', 'Wool hat', 'Warm at five in the morning.', 1990),
    ('boot-43', 'Wading boots, 43', 'Felt soles, hold on wet stones.', 11900),
    ('fly-set', 'Fly set, 24 pieces', 'Tied by hand.', 2200),
    ('knife-f', 'Filleting knife', 'Thin, flexible, sharp.', 3990);

-- Enough of them that a search without an index takes its time.
INSERT INTO reviews (sku, stars, text)
SELECT (SELECT array_agg(sku ORDER BY sku) FROM products)[1 + n % 10],
       1 + (n * 7) % 5,
       (ARRAY['Held up well', 'Broke on the second day', 'Would buy again', 'Better than the old one', 'Arrived late'])[1 + n % 5]
       || ' on the ' || (ARRAY['lake', 'river', 'coast', 'ice', 'boat', 'pier', 'canal'])[1 + n % 7]
       || ', used it ' || n % 90 || ' times with ' || (ARRAY['trout', 'pike', 'perch', 'cod', 'eel', 'bass'])[1 + n % 6]
FROM generate_series(1, 30000) AS n;
