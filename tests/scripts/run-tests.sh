#!/usr/bin/env bash
# run-tests.sh SUITE…: runs the test programs tests/SUITE one after the other, each against a clock, and adds up their
# counts. The last line is always "N passed, N failed, N skipped"; the status says whether anything failed.
set -u
cd "$(dirname "$0")/../.."
results=artifacts/test-results
mkdir -p "$results"
passed=0 failed=0 skipped=0
for suite in "$@"; do
    program=tests/$suite/bin/Debug/net9.0/Sandbox.${suite}Tests
    xml=$results/$suite.xml
    rm -f "$xml"
    echo "== $suite"
    # The clock kills what hangs; a suite that ends without its result file counts as one failure.
    timeout --kill-after=10 "${SUITE_SECONDS:-1500}" "$program" -noLogo -noColor -xml "$xml" ${TEST_FLAGS:-} </dev/null
    status=$?
    if [ ! -s "$xml" ] || ! line=$(grep -o '<assembly [^>]*>' "$xml" | head -n 1) || [ -z "$line" ]; then
        echo "$suite did not finish (status $status)"
        failed=$((failed + 1))
        continue
    fi
    count() { printf '%s\n' "$line" | sed -nE "s/.* $1=\"([0-9]+)\".*/\1/p"; }
    errors=$(count errors)
    passed=$((passed + $(count passed)))
    failed=$((failed + $(count failed) + ${errors:-0}))
    skipped=$((skipped + $(count skipped)))
    if [ "$status" != 0 ] && [ "$(count failed)" = 0 ] && [ "${errors:-0}" = 0 ] && [ "$(count total)" != 0 ]; then
        echo "$suite ended with status $status though no test failed"
        failed=$((failed + 1))
    fi
done
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
