{# Every row that this run stages keeps the condition; certified rows were tested when they were staged. #}
{% test holds(model, condition) %}
select * from {{ model.incorporate(path={'identifier': 'stage__' ~ model.identifier}) }} where not ({{ condition }})
{% endtest %}
