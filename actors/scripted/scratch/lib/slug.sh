# slug TITLE: prints the slug of a title.
slug() {
    printf '%s\n' "$1" |
        LC_ALL=C tr '[:upper:]' '[:lower:]' |
        LC_ALL=C sed -e 's/[^a-z0-9]/-/g' -e 's/^-//' -e 's/-$//'
}
