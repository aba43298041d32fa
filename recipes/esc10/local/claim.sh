#!/usr/bin/env bash
# NASC's claim on ESC-10: searched and hand-made networks, five folds and three seeds: local/claim.sh [SEED ...].
# The folds are those of stage 0, in data/. Run it again to resume: finished runs are left alone. README.md says what
# was registered before the first run.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. ./path.sh

seeds=("$@")
if [ ${#seeds[@]} -eq 0 ]; then seeds=(0 1 2); fi
train=(threads=1 train.epochs=30)
nasc=(search.epochs=40 searcher.population=16 searcher.generations=6)
soft=(search.epochs=15)

# every fold of network $1 with seed $2, under the changes that follow
folds() {
    local network=$1 seed=$2 fold
    shift 2
    for fold in 1 2 3 4 5; do
        [ -f "exp/${network}_fold${fold}_$seed/cost.json" ] || ./run.sh --stage 2 --stop-stage 4 --shift true \
            --fold $fold --networks "$network" --seed "$seed" "${train[@]}" "$@"
    done
}

for seed in "${seeds[@]}"; do
    folds alternating "$seed"
    folds nasc "$seed" "${nasc[@]}"
    for network in square time frequency smallest; do folds $network "$seed"; done
done
for seed in "${seeds[@]}"; do folds soft "$seed" "${soft[@]}"; done
local/claim_table.sh
