#!/usr/bin/env bash
# Trainings of one network from scratch, from a supernet's weights, with a teacher: local/transfer.sh [SEED ...].
# Run it again to resume; the last step writes exp/transfer.{md,csv} and prints the first.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
. ./path.sh

seeds=("$@")
if [ ${#seeds[@]} -eq 0 ]; then seeds=(0 1 2); fi

# the supernet of the first seed gives the network that all of them train
arch=exp/transfer_supernet_${seeds[0]}/arch.json
for seed in "${seeds[@]}"; do
    audionas search conf/transfer.yaml "name=transfer_supernet_$seed" "seed=$seed" threads=1 --resume
    audionas train conf/transfer_teacher.yaml "name=transfer_teacher_$seed" "seed=$seed" threads=1 --resume
done
for seed in "${seeds[@]}"; do
    init=train.init=exp/transfer_supernet_$seed/search
    teacher=exp/transfer_teacher_$seed
    # one training of the network: one NAME OVERRIDE...
    one() {
        local name=transfer_$1_$seed
        shift
        audionas train conf/transfer.yaml "arch=$arch" "name=$name" "seed=$seed" threads=1 --resume "$@"
    }
    one scratch
    one inherited "$init"
    one frozen "$init" 'train.freeze=["*","!head"]'
    one distilled "train.distill={teacher: $teacher}"
    one both "$init" "train.distill={teacher: $teacher}"
    # weight and temperature were chosen by hand, by the development accuracy of seed 0
    one tuned "train.distill={teacher: $teacher, weight: 0.9, temperature: 2}"
    one longer train.epochs=100
    one longer_tuned train.epochs=100 "train.distill={teacher: $teacher, weight: 0.9, temperature: 2}"
    for run in teacher scratch inherited frozen distilled both tuned longer longer_tuned; do
        exp=exp/transfer_${run}_$seed
        [ -f "$exp/eval.json" ] || audionas eval "$exp" --data data/test
    done
done
runs=("exp/transfer_*" --name "transfer_{training}_{seed}")
audionas table "${runs[@]}" --pool seed=spread --columns epochs,dev,accuracy,log_loss,train_s --against scratch \
    --out exp/transfer.md
audionas table "${runs[@]}" --columns epochs,dev,accuracy,log_loss,train_s,env.git --format csv --out exp/transfer.csv
cat exp/transfer.md
