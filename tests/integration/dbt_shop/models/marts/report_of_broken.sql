select * from {{ ref('broken_report') }}
