select no_such_column from {{ ref('daily_sales') }}
