/// Reading small records: fields, tables and JSON.
enum RecordTasks {
    private struct Card {
        let person: Person
        let age: Int
        var city: String
        var job: String
        let pet: String

        init(_ random: inout SeededRandom) {
            person = random.pick(Words.people)
            age = random.integer(19...79)
            city = random.pick(Words.cities)
            job = random.pick(Words.jobs)
            pet = random.pick(["dog", "cat", "parrot", "rabbit", "goldfish", "canary", "hamster", "pony"])
        }

        var fields: [(key: String, value: String)] {
            [("name", person.name), ("age", String(age)), ("city", city), ("job", job), ("pet", pet)]
        }

        var facts: String { fields.map(\.value).joined(separator: " ") }

        /// What to ask for a field, and the sentence that answers it.
        func asked(_ key: String, _ random: inout SeededRandom) -> (question: String, answer: String) {
            let values: [String: any CustomStringConvertible] = [
                "who": person.name, "they": person.subject, "their": person.possessive, "age": age, "city": city,
                "job": withArticle(job), "pet": withArticle(pet),
            ]
            switch key {
            case "age":
                return (
                    random.say("How old is {who}?", values),
                    random.say("{who} is {age} years old[.|, as the record says.]", values)
                )
            case "city":
                return (
                    random.say("[Where does {who} live?|Which city does {who} live in?]", values),
                    random.say("{who} lives in {city}[.|, according to the record.]", values)
                )
            case "job":
                return (
                    random.say("[What does {who} do for a living?|What is {who}'s job?]", values),
                    random.say("{who} works as {job}[.|, so that is {their} job.]", values)
                )
            default:
                return (
                    random.say("[Does {who} have a pet?|Which pet does {who} have?]", values),
                    random.say(
                        "[Yes, {who} has {pet}.|{who} has {pet}.|The record names {pet} as {their} pet.]", values)
                )
            }
        }

        func summary(_ random: inout SeededRandom) -> String {
            random.say(
                "[{who} is {age} and lives in {city}. {^they} works as {job} and has {pet}.|"
                    + "{who}, {age}, is {job} from {city} with {pet}.|"
                    + "{who} is {job} in {city}, {age} years old, and keeps {pet}.]",
                [
                    "who": person.name, "they": person.subject, "age": age, "city": city, "job": withArticle(job),
                    "pet": withArticle(pet),
                ])
        }
    }

    static func record(_ random: inout SeededRandom) -> Dialogue {
        var card = Card(&random)
        let separator = random.pick(["; ", ", ", "\n"])
        let sign = random.pick([": ", " = "])
        let fields = random.shuffled(card.fields)
        let shown = fields.map { $0.key + sign + $0.value }.joined(separator: separator)
        let keys = random.pick(3, from: ["age", "city", "job", "pet"])
        var dialogue: Dialogue
        if random.chance(percent: 60) {
            let asked = card.asked(keys[0], &random)
            dialogue = Dialogue(
                card.facts,
                random.say(
                    "[Record:|Here is a record:|Read this:]{gap}{shown}\n{q}",
                    ["gap": separator == "\n" ? "\n" : " ", "shown": shown, "q": asked.question]),
                asked.answer)
        } else {
            dialogue = Dialogue(
                card.facts,
                random.say(
                    "[Write one or two sentences about this person|Put this record into words|"
                        + "Introduce this person]:{gap}{shown}",
                    ["gap": separator == "\n" ? "\n" : " ", "shown": shown]),
                card.summary(&random))
        }
        if random.chance(percent: 40) {
            if random.chance(percent: 60) {
                let asked = card.asked(keys[1], &random)
                dialogue.follow(asked.question, asked.answer)
            } else {
                card.city = random.pick(Words.cities.filter { $0 != card.city })
                dialogue.follow(
                    random.say(
                        "{who} [has moved|moved] to {city}. [Describe|Now describe] {who} again.",
                        ["who": card.person.name, "city": card.city]),
                    card.summary(&random))
            }
        }
        return dialogue
    }

    static func json(_ random: inout SeededRandom) -> Dialogue {
        let card = Card(&random)
        let keys = ["name"] + random.pick(random.integer(2...3), from: ["age", "city", "job", "pet"])
        let fields = keys.map { key in card.fields.first { $0.key == key } ?? ("name", card.person.name) }
        func object(_ fields: [(key: String, value: String)]) -> String {
            "{"
                + fields.map { "\"\($0.key)\": " + ($0.key == "age" ? $0.value : "\"\($0.value)\"") }.joined(
                    separator: ", ") + "}"
        }
        let parts = fields.dropFirst().map { field -> String in
            switch field.key {
            case "age": "is \(field.value) years old"
            case "city": "lives in \(field.value)"
            case "job": "works as \(withArticle(field.value))"
            default: "has \(withArticle(field.value))"
            }
        }
        let sentence = "\(card.person.name) " + listed(parts) + "."
        let values: [String: any CustomStringConvertible] = [
            "s": sentence, "json": object(fields), "keys": listed(fields.map(\.key)),
        ]
        let facts = fields.map(\.value).joined(separator: " ")
        var dialogue: Dialogue
        if random.chance(percent: 60) {
            dialogue = Dialogue(
                "to " + facts,
                random.say("[Write this as JSON|Turn this sentence into JSON|Give me JSON for this]: {s}", values),
                random.say(
                    "[```json\n{json}\n```\nThe keys are {keys}.|Here it is as JSON:\n```json\n{json}\n```]", values))
            if random.chance(percent: 35) {
                let color = random.pick(Words.colors)
                dialogue.follow(
                    random.say("[Add|Please add] the key \"color\" with the value \"{c}\".", ["c": color]),
                    random.say(
                        "[With the new key|Now it reads]:\n```json\n{json}\n```",
                        ["json": object(fields + [("color", color)])]))
            }
        } else {
            dialogue = Dialogue(
                "from " + facts,
                random.say(
                    "[Write this JSON as a sentence|Put this JSON into words|"
                        + "What does this JSON say?]\n{json}", values),
                random.say("[It says that|In words:] {s}", values))
        }
        return dialogue
    }

    static func table(_ random: inout SeededRandom) -> Dialogue {
        let (head, unit, source): (String, String, [String]) = random.pick([
            ("city", "degrees", Words.cities), ("name", "points", Words.names),
            ("item", "pieces", Words.foods.map(\.many)),
            ("animal", "visitors", Words.animals),
        ])
        let rows = zip(random.pick(3, from: source), random.pick(3, from: Array(3...60))).map { (key: $0, value: $1) }
        let (most, least) = (rows.max { $0.value < $1.value } ?? rows[0], rows.min { $0.value < $1.value } ?? rows[0])
        let shown = "| \(head) | \(unit) |\n" + rows.map { "| \($0.key) | \($0.value) |" }.joined(separator: "\n")
        let total = rows.reduce(0) { $0 + $1.value }
        let values: [String: any CustomStringConvertible] = [
            "t": shown, "head": head, "unit": unit, "most": most.key, "mostValue": most.value, "least": least.key,
            "leastValue": least.value, "difference": most.value - least.value, "total": total,
            "sum": rows.map { String($0.value) }.joined(separator: " + "),
            "sentence": listed(rows.map { "\($0.key) has \($0.value)" }),
        ]
        let asked: [(question: String, answer: String)] = [
            (
                random.say("[Which {head} has the most {unit}?|Where is the number of {unit} highest?]", values),
                random.say(
                    "[{^most} has the most {unit}|The most {unit} belong to {most}]: {mostValue}[.|"
                        + ", more than the other two.]",
                    values)
            ),
            (
                random.say("[Write the table as one sentence.|Put the table into words.]", values),
                random.say("[In {unit}|Counted in {unit}], {sentence}.", values)
            ),
            (
                random.say("[How many {unit} are there in all?|What is the sum of the {unit}?]", values),
                random.say("[Adding the rows gives|The sum is] {sum} = {total} {unit}.", values)
            ),
            (
                random.say(
                    "[How far apart are the highest and the lowest?|What is the difference between highest and lowest?]"
                ),
                random.say(
                    "[The highest is {most} with {mostValue}, the lowest {least} with {leastValue}|"
                        + "{^most} has {mostValue} and {least} has {leastValue}]. The difference is "
                        + "{mostValue} - {leastValue} = {difference}.", values)
            ),
        ]
        let order = random.shuffled([0, 1, 2, 3])
        var dialogue = Dialogue(
            rows.map { "\($0.key) \($0.value)" }.sorted().joined(separator: ", "),
            shown + "\n" + asked[order[0]].question,
            asked[order[0]].answer)
        if random.chance(percent: 35) { dialogue.follow(asked[order[1]].question, asked[order[1]].answer) }
        return dialogue
    }
}
