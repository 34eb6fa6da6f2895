#!/usr/bin/env bash
# run-tests.sh SUITE…: runs the test programs tests/SUITE one after the other, each against a clock, and adds up their
# counts. The last line is always "N passed, N failed, N skipped"; the status says whether anything failed.
#
# A few failures are tried once more, alone: a machine that other jobs share starves a test now and then. What passes
# only then is named and counted in a line of its own, so that it cannot hide (docs/decisions/0029). STRICT=1 tries
# nothing twice.
set -u
cd "$(dirname "$0")/../.."
results=artifacts/test-results
second_tries_max=3
mkdir -p "$results"
passed=0 failed=0 skipped=0 second=()

# run PROGRAM XML [FLAG…]: the clock kills what hangs.
run() {
    local program=$1 xml=$2
    shift 2
    rm -f "$xml"
    timeout --kill-after=10 "${SUITE_SECONDS:-1500}" "$program" -noLogo -noColor -result-xml "$xml" "$@" </dev/null
}

# count XML ATTRIBUTE: of the whole suite; nothing if there is no result.
count() { grep -o '<assembly [^>]*>' "$1" 2>/dev/null | head -n 1 | sed -nE "s/.* $2=\"([0-9]+)\".*/\1/p"; }

# failing_methods XML: Type.Method, a line each.
failing_methods() {
    grep -o '<test [^>]*result="Fail"[^>]*' "$1" |
        sed -nE 's/.* type="([^"]+)".* method="([^"]+)".*/\1.\2/p' | sort -u
}

for suite in "$@"; do
    program=tests/$suite/bin/Debug/Sandbox.${suite}Tests
    xml=$results/$suite.xml
    echo "== $suite"
    run "$program" "$xml" ${TEST_FLAGS:-}
    status=$?
    if [ -z "$(count "$xml" total)" ]; then
        echo "$suite did not finish (status $status)"
        failed=$((failed + 1))
        continue
    fi
    errors=$(count "$xml" errors)
    bad=$(count "$xml" failed)
    if [ "$status" != 0 ] && [ "$bad" = 0 ] && [ "${errors:-0}" = 0 ] && [ "$(count "$xml" total)" != 0 ]; then
        echo "$suite ended with status $status though no test failed"
        failed=$((failed + 1))
    fi
    mapfile -t methods < <(failing_methods "$xml")
    if [ "$bad" != 0 ] && [ "${#methods[@]}" -le "$second_tries_max" ] && [ "${STRICT:-}" != 1 ]; then
        again=$results/$suite.second.xml
        echo "== $suite, a second time: ${methods[*]}"
        run "$program" "$again" $(printf -- '-method %s ' "${methods[@]}")
        still_bad=$(count "$again" failed)
        if [ -n "$still_bad" ] && [ "$still_bad" -lt "$bad" ]; then
            mapfile -t -O "${#second[@]}" second < <(printf '%s\n' "${methods[@]}" | grep -vxF -f <(failing_methods "$again"))
            passed=$((passed + bad - still_bad))
            bad=$still_bad
        fi
    fi
    passed=$((passed + $(count "$xml" passed)))
    failed=$((failed + bad + ${errors:-0}))
    skipped=$((skipped + $(count "$xml" skipped)))
done
[ ${#second[@]} -eq 0 ] || printf 'PASSED ONLY AT THE SECOND TRY: %s\n' "${second[@]}"
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
