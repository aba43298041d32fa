#!/usr/bin/env bash
# The table of the study of --protocol v1-7, of what is finished.
# local/study_table.sh dev     on the development clips
# local/study_table.sh test    opens the test for all finished runs: only where conf/v1_7/chosen.txt is committed
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
command -v audionas >/dev/null || . ./path.sh

chosen=conf/v1_7/chosen.txt # lines NAME ID: the searched networks that validation chose, by their architecture's id
results=(exp/v1-7_*_[0-9])
table=("${results[@]}" --name "v1-7_{network}_{seed}" --pool seed=spread)
for base in tc_resnet8 sparknet_c32 bc_resnet1; do
    if compgen -G "exp/v1-7_${base}_[0-9]/eval/dev.json" >/dev/null; then table+=(--against "$base"); fi
done
case ${1:-} in
    dev)
        audionas table "${table[@]}" --eval eval/dev.json --columns accuracy,params,macs
        ;;
    test)
        if ! git ls-files --error-unmatch $chosen >/dev/null 2>&1 || ! git diff --quiet HEAD -- $chosen; then
            echo "study_table.sh: commit $chosen first: the test is opened for networks that were chosen before" >&2
            exit 1
        fi
        while read -r name id; do
            if ! grep -qs "\"id\": \"$id\"" "exp/v1-7_log/$name.json"; then
                echo "study_table.sh: $chosen: $name is $id, but exp/v1-7_log/$name.json is not" >&2
                exit 1
            fi
        done <$chosen
        for run in "${results[@]}"; do
            [ -f "$run/eval/dev.json" ] || continue
            [ -f "$run/eval/test.json" ] || audionas eval "$run" --data data/v1-7/test --by kind >/dev/null
            [ -f "$run/cost.json" ] || audionas cost "$run" --latency --json >"$run/cost.json"
        done
        sound=
        for word in _unknown_ up down left right go; do sound+=${sound:++}per_class.$word.recall; done
        audionas table "${table[@]}" --eval eval/test.json \
            --columns "dev,accuracy,without silence=$sound,params,macs,latency_us"
        ;;
    *)
        echo "usage: study_table.sh dev|test" >&2
        exit 1
        ;;
esac
cat exp/v1-7_log/*.cpu /dev/null | awk -v runs="$(ls exp/v1-7_log | grep -c 'cpu$')" \
    '{ s += $1 + $2 } END { printf "\n%.1f CPU hours in %d runs\n", s / 3600, runs }'
