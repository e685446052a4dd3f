select * from (values
    (1, 'A', 10.0), (2, null, 12.5), (3, null, 7.0), (4, null, 3.0), (5, 'B', 20.0), (5, 'B', 20.0)
) as orders (order_id, customer_id, amount)
