#!/usr/bin/env bash
# Kibana's password, the role of Tocsin and its user, set again at each start.
set -euo pipefail

put() {
  curl --silent --show-error --fail --output /dev/null --retry 10 --retry-all-errors \
    --user "elastic:${ELASTIC_PASSWORD}" --header 'Content-Type: application/json' \
    --request PUT --data "$2" "http://elasticsearch:9200/_security/$1"
}

put user/kibana_system/_password "{\"password\": \"${KIBANA_PASSWORD}\"}"
put role/tocsin_writer "$(cat /setup/tocsin_writer.json)"
put user/tocsin "{\"password\": \"${TOCSIN_PASSWORD}\", \"roles\": [\"tocsin_writer\"]}"
