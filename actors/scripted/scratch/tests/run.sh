#!/bin/sh
# Runs every case and exits with 1 if one of them fails.
cd "$(dirname "$0")/.." || exit 1
. lib/slug.sh

passed=0
failed=0

check() {
    got=$(slug "$1")
    if [ "$got" = "$2" ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        printf 'FAIL  slug "%s"\n  want  %s\n  got   %s\n' "$1" "$2" "$got"
    fi
}

check "Hello World" "hello-world"
check "already-a-slug" "already-a-slug"
check "Version 2" "version-2"
check "(draft)" "draft"
check "Ready, steady, go!" "ready-steady-go"

printf '%s passed, %s failed\n' "$passed" "$failed"
[ "$failed" -eq 0 ]
