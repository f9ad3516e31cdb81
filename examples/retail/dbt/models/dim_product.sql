{% set active_from = podium.add_days(podium.as_of(), -var('inactive_after_days', 90)) %}
{{ config(
  unique_key='product_key', affect_key='stock_code',
  affected_from={'sales': 'stock_code', 'this': 'case when is_active and last_sold_date < ' ~ active_from ~ ' then stock_code end'},
) }}

with sold as (
  select stock_code, description, invoice_date, unit_price, transaction_type
  from {{ source('silver', 'sales') }}
  {% if podium.incremental() %}where stock_code in {{ podium.affected() }}{% endif %}
),

-- The name a product went by last; between names of the same moment the last in alphabetical order.
last_named as (
  select stock_code, max(invoice_date) as named_at
  from sold
  where description <> 'UNKNOWN'
  group by stock_code
),

named as (
  select sold.stock_code, max(sold.description) as description
  from sold
  inner join last_named on last_named.stock_code = sold.stock_code and last_named.named_at = sold.invoice_date
  where sold.description <> 'UNKNOWN'
  group by sold.stock_code
),

products as (
  select
    sold.stock_code,
    coalesce(max(named.description), 'UNKNOWN') as description,
    max(case when sold.transaction_type = 'sale' then sold.unit_price end) as recommended_price,
    cast(min(case when sold.transaction_type = 'sale' then sold.invoice_date end) as date) as launch_date,
    cast(max(case when sold.transaction_type = 'sale' then sold.invoice_date end) as date) as last_sold_date
  from sold
  left join named on named.stock_code = sold.stock_code
  group by sold.stock_code
),

{% if var('unit_costs', false) -%}
costs as (
  select stock_code, cast(unit_cost as decimal(12,3)) as unit_cost, origin = 'estimated' as is_estimated
  from {{ source('lookup', 'product_costs') }}
),
{%- endif %}

described as (
  select
    products.*,
    coalesce(last_sold_date >= {{ active_from }}, false) as is_active,
    ' ' || upper(description) || ' ' as words,
    {% if var('unit_costs', false) -%}
    costs.unit_cost, coalesce(costs.is_estimated, false) as cost_is_estimated
    {%- else -%}
    cast(null as decimal(12,3)) as unit_cost, false as cost_is_estimated
    {%- endif %}
  from products
  {% if var('unit_costs', false) %}left join costs on costs.stock_code = products.stock_code{% endif %}
)

{% set subcategories = {
  'Christmas': ['CHRISTMAS', 'XMAS', 'SANTA', 'REINDEER', 'ADVENT', 'SNOWMAN', 'ANGEL'],
  'Bags and purses': ['BAG', 'BAGS', 'SHOPPER', 'PURSE', 'WALLET', 'HANDBAG', 'SATCHEL'],
  'Lighting': ['LIGHT', 'LIGHTS', 'T-LIGHT', 'LAMP', 'LANTERN', 'CANDLE', 'CANDLES', 'CANDLESTICK', 'CHANDELIER'],
  'Kitchen and table': ['MUG', 'MUGS', 'CUP', 'CUPS', 'PLATE', 'PLATES', 'BOWL', 'BOWLS', 'TEAPOT', 'TEA', 'COFFEE', 'CAKE', 'CAKES',
    'CAKESTAND', 'BOTTLE', 'JUG', 'APRON', 'TRAY', 'SPOON', 'CUTLERY', 'NAPKINS', 'LUNCH', 'JAM', 'BAKING', 'KITCHEN', 'PANTRY'],
  'Jewellery': ['NECKLACE', 'BRACELET', 'EARRINGS', 'RING', 'BROOCH', 'BANGLE', 'CHARM'],
  'Toys and games': ['TOY', 'TOYS', 'GAME', 'GAMES', 'DOLL', 'PUZZLE', 'CHILDRENS', 'KIDS', 'SKITTLES', 'DOMINOES', 'MARBLES'],
  'Stationery and wrap': ['CARD', 'CARDS', 'NOTEBOOK', 'PENCIL', 'PENCILS', 'PEN', 'PAPER', 'WRAP', 'RIBBON', 'RIBBONS', 'STICKERS',
    'GIFT', 'TAGS', 'CHALKBOARD'],
  'Garden': ['GARDEN', 'PLANT', 'PLANTER', 'FLOWER', 'FLOWERS', 'BIRD', 'HERB', 'PARASOL', 'WATERING'],
  'Home': ['CUSHION', 'CLOCK', 'FRAME', 'MIRROR', 'HOOK', 'HOOKS', 'DOORMAT', 'SIGN', 'DRAWER', 'CABINET', 'BOX', 'BOXES', 'BASKET',
    'TIN', 'TINS', 'STORAGE', 'HOLDER', 'HANGER', 'HEART', 'BUNTING', 'DECORATION', 'DOORSTOP', 'WARMER'],
} %}
select
  {{ podium.hash60('stock_code') }} as product_key,
  stock_code,
  description,
  case
    when stock_code in ('POST', 'DOT', 'C2', 'C3') then 'Postage and carriage'
    when stock_code in ('BANK CHARGES', 'AMAZONFEE', 'CRUK') then 'Fees'
    when stock_code in ('M', 'D', 'S', 'B') or stock_code like 'ADJUST%' or stock_code like 'TEST%' then 'Manual entries'
    when stock_code like 'GIFT%' then 'Gift vouchers'
    else 'Merchandise' end as category,
  case
    {% for subcategory, words in subcategories.items() -%}
    when {{ podium.matches('words', ' (' ~ words | join('|') ~ ') ') }} then '{{ subcategory }}'
    {% endfor -%}
    else 'Other' end as subcategory,
  cast(null as string) as brand,
  unit_cost,
  recommended_price,
  {{ podium.ratio('(recommended_price - unit_cost) * 100', 'recommended_price') }} as profit_margin,
  is_active,
  launch_date,
  case when not is_active then last_sold_date end as discontinue_date,
  last_sold_date,
  'category, subcategory, recommended_price, launch_date, discontinue_date'
    || case when cost_is_estimated then ', unit_cost, profit_margin' else '' end as estimated,
  {{ podium.run_time() }} as created_at,
  {{ podium.run_time() }} as updated_at
from described
{% if not podium.incremental() %}
union all
select -1, 'UNKNOWN', 'Unknown', 'Unknown', 'Unknown', null, null, null, null, null, null, null, null, null,
  {{ podium.run_time() }}, {{ podium.run_time() }}
{% endif %}
