# The tables of Scripts/ablation.sh, as Markdown or JSON (-v format=md|json), from lines of two kinds:
#
#   row|NAME|WHAT IT IS|RECIPE|ANSWERS|SETTINGS
#   number|NAME|SEED|training or TREE|PATH IN THE REPORT|VALUE
#
# Means are over seeds; what follows a ± is the sample standard deviation.
BEGIN { FS = "|"; split(trees, tree, " "); treeCount = split(trees, tree, " ") }

$1 == "row" { rows[++rowCount] = $2; what[$2] = $3; recipe[$2] = $4; answers[$2] = $5; settings[$2] = $6 }

$1 == "number" {
    key = $2 SUBSEP $4 SUBSEP $5
    values[key, ++count[key]] = $6
    if (!(($2, $3) in seen)) { seen[$2, $3] = 1; seeds[$2]++ }
    if ($5 ~ /^categories\./) { split($5, part, "."); if (!(part[2] in categories)) names[++nameCount] = part[2] }
    if ($5 ~ /^categories\./) categories[part[2]] = 1
}

function mean(row, section, path,    key, i, sum) {
    key = row SUBSEP section SUBSEP path
    for (i = 1; i <= count[key]; i++) sum += values[key, i]
    return count[key] ? sum / count[key] : 0
}
function total(row, section, path) { return mean(row, section, path) * count[row, section, path] }
function deviation(row, section, path,    key, i, m, sum) {
    key = row SUBSEP section SUBSEP path
    m = mean(row, section, path)
    for (i = 1; i <= count[key]; i++) sum += (values[key, i] - m) ^ 2
    return count[key] > 1 ? sqrt(sum / (count[key] - 1)) : 0
}
function has(row, section, path) { return count[row, section, path] > 0 }

# A cell: mean, and spread where there are several seeds.
function cell(row, section, path) {
    if (!has(row, section, path)) return ""
    if (count[row, section, path] < 2) return sprintf("%.2f", mean(row, section, path))
    return sprintf("%.2f ± %.2f", mean(row, section, path), deviation(row, section, path))
}
function ratio(row, base, section, path) {
    if (!has(row, section, path) || mean(base, section, path) == 0) return ""
    return sprintf("%.2f", mean(row, section, path) / mean(base, section, path))
}

function markdown(    i, r, t, d, depth, line, rule, head, prompts, looping, mismatched, passes) {
    printf "`%s`: %d steps of 8 dialogues in %d epochs, %d questions of each file", command, steps, epochs, questions
    print ", answers of at most " new_tokens " tokens."
    print "Accept lengths are draft tokens a pass, of all answers and of those that do not loop; ± is over seeds.\n"
    line = "| row | | seeds | thousand tokens |"; rule = "|---|---|---|---|"
    for (t = 1; t <= treeCount; t++) {
        line = line " `" tree[t] "` | not looping | over `no-glance` |"; rule = rule "---|---|---|"
    }
    print line " mismatched tokens |"; print rule "---|"
    for (i = 1; i <= rowCount; i++) {
        r = rows[i]
        if (!seeds[r]) continue
        line = "| `" r "` | " what[r] " | " count[r, "training", "steps"]
        line = line " | " sprintf("%.0f", mean(r, "training", "tokens") / 1000) " |"
        mismatched = 0
        for (t = 1; t <= treeCount; t++) {
            line = line " " cell(r, tree[t], "accept_length") " | " cell(r, tree[t], "without_loops.accept_length")
            line = line " | " ratio(r, "no-glance", tree[t], "without_loops.accept_length") " |"
            mismatched += total(r, tree[t], "mismatched_tokens")
            prompts += total(r, tree[t], "prompts"); looping += total(r, tree[t], "looping_prompts")
            if (has(r, tree[t], "tree.depth") && mean(r, tree[t], "tree.depth") > depth)
                depth = mean(r, tree[t], "tree.depth")
        }
        print line " " mismatched " |"
    }
    if (prompts) printf "\n%.0f %% of the answers loop; they are the same for all rows, as they are the target's.\n", \
        100 * looping / prompts
    print "The paper (Vicuna-7B): glancing over none 1.30 as a chain (1.64 to 2.13), 1.20 with a tree (2.78 to 3.34)."

    print "\nAccept length on each question file, answers that do not loop:\n"
    line = "| row |"; rule = "|---|"
    for (t = 1; t <= treeCount; t++) for (i = 1; i <= nameCount; i++) {
        line = line " " names[i] ", `" tree[t] "` |"; rule = rule "---|"
    }
    print line; print rule
    for (i = 1; i <= rowCount; i++) {
        if (!seeds[rows[i]]) continue
        line = "| `" rows[i] "` |"
        for (t = 1; t <= treeCount; t++) for (d = 1; d <= nameCount; d++)
            line = line " " cell(rows[i], tree[t], "categories." names[d] ".without_loops.accept_length") " |"
        print line
    }

    print "\nOf the passes that accepted d - 1 tokens, the share that accepted d, answers that do not loop:\n"
    line = "| row | tree |"; rule = "|---|---|"
    for (d = 1; d <= depth; d++) { line = line " " d " |"; rule = rule "---|" }
    print line; print rule
    for (i = 1; i <= rowCount; i++) for (t = 1; t <= treeCount; t++) {
        if (!has(rows[i], tree[t], "accept_length")) continue
        line = "| `" rows[i] "` | `" tree[t] "` |"
        for (d = 1; d <= depth; d++) {
            head = "without_loops.acceptance_by_depth." d
            line = line (has(rows[i], tree[t], head) ? sprintf(" %.2f |", mean(rows[i], tree[t], head)) : " |")
        }
        print line
    }
}

function text(string) { gsub(/\\/, "\\\\", string); gsub(/"/, "\\\"", string); return "\"" string "\"" }
function list(row, section, path,    key, i, line) {
    key = row SUBSEP section SUBSEP path
    for (i = 1; i <= count[key]; i++) line = line (i > 1 ? ", " : "") values[key, i]
    return "[" line "]"
}
# {"mean", "deviation", "values"}: the values are in the order of the seeds.
function figure(row, section, path) {
    return sprintf("{\"mean\": %.6g, \"deviation\": %.6g, \"values\": %s}", \
        mean(row, section, path), deviation(row, section, path), list(row, section, path))
}

function json(    i, r, t, d, comma, separator, path) {
    print "{\n  \"ablation\": {\n    \"command\": " text(command) ","
    print "    \"steps\": " steps ", \"epochs\": " epochs ", \"questions_of_each_file\": " questions ","
    print "    \"common_settings\": " text(common) ",\n    \"rows\": ["
    for (i = 1; i <= rowCount; i++) {
        r = rows[i]
        if (!seeds[r]) continue
        printf "%s      {\n        \"row\": %s, \"what\": %s,\n", separator, text(r), text(what[r])
        printf "        \"recipe\": %s, \"answers\": %s, \"settings\": %s,\n", \
            text(recipe[r]), text(answers[r]), text(settings[r])
        printf "        \"steps\": %s, \"tokens\": %s, \"glanced\": %s,\n        \"trees\": {", \
            list(r, "training", "steps"), list(r, "training", "tokens"), list(r, "training", "glanced")
        comma = ""
        for (t = 1; t <= treeCount; t++) {
            if (!has(r, tree[t], "accept_length")) continue
            printf "%s\n          %s: {\n", comma, text(tree[t])
            printf "            \"accept_length\": %s,\n", figure(r, tree[t], "accept_length")
            printf "            \"accept_length_without_loops\": %s,\n", \
                figure(r, tree[t], "without_loops.accept_length")
            printf "            \"acceptance_by_depth_without_loops\": ["
            for (d = 1; has(r, tree[t], path = "without_loops.acceptance_by_depth." d); d++)
                printf "%s%.6g", (d > 1 ? ", " : ""), mean(r, tree[t], path)
            printf "],\n            \"questions\": {"
            for (d = 1; d <= nameCount; d++)
                printf "%s\n              %s: {\"accept_length\": %s, \"accept_length_without_loops\": %s}", \
                    (d > 1 ? "," : ""), text(names[d]), \
                    figure(r, tree[t], "categories." names[d] ".accept_length"), \
                    figure(r, tree[t], "categories." names[d] ".without_loops.accept_length")
            printf "\n            },\n"
            printf "            \"prompts\": %d, \"looping_prompts\": %d, \"generated_tokens\": %d,", \
                total(r, tree[t], "prompts"), total(r, tree[t], "looping_prompts"), \
                total(r, tree[t], "generated_tokens")
            printf " \"target_passes\": %d, \"mismatched_tokens\": %d\n          }", \
                total(r, tree[t], "target_passes"), total(r, tree[t], "mismatched_tokens")
            comma = ","
        }
        printf "\n        }\n      }"
        separator = ",\n"
    }
    print "\n    ]\n  }\n}"
}

END { if (format == "json") json(); else markdown() }
