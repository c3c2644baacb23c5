#!/usr/bin/env bash
# Builds and runs every test. One line per stage; the last line counts stages and tests: "N passed, N failed".
#
#   scripts/test.sh                   all stages
#   scripts/test.sh release layers    these alone (so does TIERCEL_TEST_STAGES="release layers")
#
# Stages:
#   layers    who includes whom; text format of the sources
#   release   release build with warnings as errors, every header alone, all tests
#   config    every conf/*.yaml passes `tiercel check`; conf/reference.yaml is what the program prints
#   asan      unit, scenario and conformance tests under the address and undefined behaviour sanitizers
#   tsan      unit tests of what threads share, and scenario tests, under the thread sanitizer
#   fuzz      each fuzz target over its seeds, TIERCEL_FUZZ_SECONDS (30) each
#
# Logs: build/test-logs/. TIERCEL_SKIP_PACKAGES=1 leaves the installed packages as they are.
set -uo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root" || exit 1
logs=$root/build/test-logs
jobs=$(nproc)
all_stages=(layers release config asan tsan fuzz)
passed=0
failed=0
skipped=0

# ---- counting ----

# Adds the tests of a `ctest` run: single GoogleTest cases where a program names them, else the program itself.
count_tests() {
    local counts p f s
    counts=$(awk '
        /^[0-9]+\/[0-9]+ Testing: /           { ok = bad = left_out = 0 }
        /^\[       OK \] /                    { ok++ }
        /^\[  FAILED  \] .*\([0-9]+ ms\)$/    { bad++ }
        /^\[  SKIPPED \] .*\([0-9]+ ms\)$/    { left_out++ }
        /^Unable to find executable/          { f++; absent = 1 }
        /^Test Passed\./ && !absent           { p += ok + left_out > 0 ? ok : 1; s += left_out }
        /^Test Failed\./                      { p += ok; s += left_out; f += bad > 0 ? bad : 1 }
        /^Test (Passed|Failed)\./             { absent = 0 }
        END { print p + 0, f + 0, s + 0 }' "$1") || return
    read -r p f s <<<"$counts"
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
}

# run_ctest DIRECTORY ARGUMENT...
run_ctest() {
    local dir=$1 status=0
    shift
    rm -f "$dir/Testing/Temporary/LastTest.log"
    "${run_prefix[@]}" ctest --test-dir "$dir" --output-on-failure --no-tests=error -j"$jobs" "$@" || status=$?
    if [ -f "$dir/Testing/Temporary/LastTest.log" ]; then count_tests "$dir/Testing/Temporary/LastTest.log"; fi
    return "$status"
}
run_prefix=()

configure() { cmake --preset "$1" -DTIERCEL_TESTS="$2"; }
build() {
    local preset=$1
    shift
    ninja -C "build/$preset" -j"$jobs" "$@"
}

# ---- stages: each a list of steps, the first that fails ends it ----

stage_layers() {
    scripts/check_layers.py && scripts/check_format.py
}

stage_release() {
    configure release ON && build release all all_verify_interface_header_sets && run_ctest build/release
}

stage_config() {
    local program=build/release/src/app/tiercel file bad=0
    if [ ! -x "$program" ]; then
        configure release ON && build release tiercel || return
    fi
    for file in conf/*.yaml; do
        echo "tiercel check $file"
        "$program" check "$file" || bad=1
    done
    "$program" config --reference | diff -u conf/reference.yaml - || {
        echo "conf/reference.yaml differs; write it anew: tiercel config --reference >conf/reference.yaml"
        bad=1
    }
    return "$bad"
}

# Where every byte is looked at, fewer of the many random answers will do: the release build tries them all.
few_under_sanitizers=3000

stage_asan() {
    export TIERCEL_BROKEN_ANSWERS=$few_under_sanitizers
    export ASAN_OPTIONS=detect_stack_use_after_return=1:strict_string_checks=1 UBSAN_OPTIONS=print_stacktrace=1
    configure asan ON && build asan unit_tests scenario_tests conformance_tests && run_ctest build/asan -L 'unit|scenario|conformance'
}

stage_tsan() {
    local units=() unit targets
    targets=$(configure tsan ON >&2 && ninja -C build/tsan -t targets all) || return
    for unit in cache telemetry redis resilience; do
        if grep -q "^${unit}_test: " <<<"$targets"; then units+=("$unit"); fi
    done
    build tsan "${units[@]/%/_test}" scenario_tests || return
    # The thread sanitizer of this compiler cannot live with the address space layout of newer kernels.
    if setarch -R true 2>/dev/null; then run_prefix=(setarch -R); fi
    export TIERCEL_BROKEN_ANSWERS=$few_under_sanitizers
    export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
    local pattern
    pattern=$(IFS='|'; echo "^(unit\\.(${units[*]})|scenario\\..*)\$")
    run_ctest build/tsan -R "$pattern"
}

# One target over its seeds. New inputs go to the build directory, never into the tree.
run_fuzz() {
    local name=$1 seconds=$2 dir=$root/build/fuzz/runs/$1
    mkdir -p "$dir/found"
    (cd "$dir" && "$root/build/fuzz/tests/fuzz/${name}_fuzz" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -max_len=65536 -print_final_stats=1 found "$root/tests/fuzz/corpus/$name") >"$dir/log" 2>&1
}

stage_fuzz() {
    configure fuzz OFF && build fuzz fuzz_targets || return
    local seconds=${TIERCEL_FUZZ_SECONDS:-30} names=() name bad=0 source pids
    for source in tests/fuzz/*_fuzz.cpp; do
        [ -e "$source" ] || continue
        name=$(basename "$source" _fuzz.cpp)
        mkdir -p "tests/fuzz/corpus/$name"
        names+=("$name")
    done
    [ ${#names[@]} -gt 0 ] || { echo "no fuzz targets"; return 1; }
    while [ ${#names[@]} -gt 0 ]; do
        local now=("${names[@]:0:2}")
        names=("${names[@]:2}")
        pids=()
        for name in "${now[@]}"; do
            run_fuzz "$name" "$seconds" &
            pids+=($!)
        done
        for name in "${now[@]}"; do
            if wait "${pids[0]}"; then
                passed=$((passed + 1))
                echo "$name: $(grep -o 'stat::number_of_executed_units.*' "build/fuzz/runs/$name/log" | xargs)"
            else
                failed=$((failed + 1))
                bad=1
                echo "$name: FAILED, see build/fuzz/runs/$name"
                tail -n 40 "build/fuzz/runs/$name/log"
            fi
            pids=("${pids[@]:1}")
        done
    done
    return "$bad"
}

# ---- running them ----

run_stage() {
    local stage=$1 log=$logs/$1.log begin=$SECONDS status=0 before_passed=$passed before_failed=$failed before_skipped=$skipped
    # Not in a subshell, because the stage counts; what it exports or sets is undone below.
    "stage_$stage" >"$log" 2>&1 </dev/null || status=$?
    run_prefix=()
    unset ASAN_OPTIONS UBSAN_OPTIONS TSAN_OPTIONS TIERCEL_BROKEN_ANSWERS
    local tests=$((passed - before_passed)) bad=$((failed - before_failed)) word=passed
    if [ "$status" -eq 0 ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        word=FAILED
        echo "---- $log, last lines ----"
        tail -n 150 "$log"
        echo "----"
    fi
    printf '%-8s %s in %d s (tests: %d passed, %d failed, %d skipped)\n' \
        "$stage" "$word" $((SECONDS - begin)) "$tests" "$bad" $((skipped - before_skipped))
}

stages=("$@")
if [ ${#stages[@]} -eq 0 ]; then read -ra stages <<<"${TIERCEL_TEST_STAGES:-${all_stages[*]}}"; fi
for stage in "${stages[@]}"; do
    if ! declare -F "stage_$stage" >/dev/null; then
        echo "test.sh: no stage \"$stage\"; there are: ${all_stages[*]}" >&2
        exit 2
    fi
done

mkdir -p "$logs"
if [ -z "${TIERCEL_SKIP_PACKAGES:-}" ]; then
    if ! scripts/install-packages.sh build run test; then
        echo "0 passed, 1 failed"
        exit 1
    fi
fi
for stage in "${stages[@]}"; do run_stage "$stage"; done
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
