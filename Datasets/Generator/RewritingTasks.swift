/// Changing sentences: tense, question, negation, politeness, opposites, and an invented language.
enum RewritingTasks {
    private struct Verb {
        let (base, third, past): (String, String, String)
        let objects: [String]
    }

    private static let verbs: [Verb] = [
        Verb(
            base: "paint", third: "paints", past: "painted",
            objects: ["the old fence", "the front door", "a small boat"]),
        Verb(
            base: "write", third: "writes", past: "wrote",
            objects: ["a long letter", "a short poem", "the weekly report"]),
        Verb(base: "carry", third: "carries", past: "carried", objects: ["a heavy bag", "the blue box", "two chairs"]),
        Verb(base: "bake", third: "bakes", past: "baked", objects: ["fresh bread", "an apple cake", "six buns"]),
        Verb(base: "find", third: "finds", past: "found", objects: ["a lost key", "the right road", "an old map"]),
        Verb(base: "open", third: "opens", past: "opened", objects: ["the window", "a new shop", "the green gate"]),
        Verb(base: "sell", third: "sells", past: "sold", objects: ["warm socks", "the red car", "fresh fish"]),
        Verb(
            base: "build", third: "builds", past: "built", objects: ["a stone wall", "a tree house", "a bridge"]),
        Verb(base: "clean", third: "cleans", past: "cleaned", objects: ["the kitchen", "the long hall", "the boots"]),
        Verb(base: "draw", third: "draws", past: "drew", objects: ["a tall tower", "the harbour", "a sleeping dog"]),
        Verb(
            base: "repair", third: "repairs", past: "repaired", objects: ["the radio", "a clock", "the bicycle"]),
        Verb(base: "bring", third: "brings", past: "brought", objects: ["the mail", "hot tea", "good news"]),
        Verb(base: "read", third: "reads", past: "read", objects: ["the newspaper", "a thick book", "the rules"]),
        Verb(base: "plant", third: "plants", past: "planted", objects: ["a pear tree", "white roses", "some beans"]),
    ]

    private static let places: [String] = [
        "at home", "in the garden", "near the station", "in town", "for a friend", "",
    ]

    static func rewriting(_ random: inout SeededRandom) -> Dialogue {
        let verb = random.pick(verbs)
        let who = random.pick(Words.names)
        let rest = random.pick(verb.objects)
        let place = random.pick(places)
        let tail = place.isEmpty ? rest : rest + " " + place
        let values: [String: any CustomStringConvertible] = [
            "who": who, "base": verb.base, "third": verb.third, "past": verb.past, "tail": tail,
            "s": "\(who) \(verb.third) \(tail).",
        ]
        let forms: [(question: String, answer: String)] = [
            (
                random.say(
                    "[Put this sentence into the past tense|Rewrite in the past tense|Make this past tense]: {s}",
                    values),
                random.say(
                    "[In the past tense: {who} {past} {tail}.|{who} {past} {tail}.] The verb {third} becomes {past}.",
                    values)
            ),
            (
                random.say(
                    "[Put this sentence into the future|Rewrite in the future tense|Say this about tomorrow]: {s}",
                    values),
                random.say(
                    "[In the future: {who} will {base} {tail}.|"
                        + "{who} will {base} {tail}.] [We use will and the base form {base}.|"
                        + "The verb {third} becomes will {base}.]",
                    values)
            ),
            (
                random.say("[Turn this into a question|Make a question from this|Rewrite as a question]: {s}", values),
                random.say("[As a question: Does|Does] {who} {base} {tail}?", values)
            ),
            (
                random.say("[Make this negative|Turn this into the opposite statement|Rewrite with not]: {s}", values),
                random.say("[The negative is: {who}|{who}] does not {base} {tail}.", values)
            ),
            (
                random.say(
                    "[Make this polite|Say this more politely|Rewrite as a polite request]: {^base} {tail}!", values),
                random.say("[More politely: could|Could] you please {base} {tail}[?|, if you have time?]", values)
            ),
        ]
        let order = random.shuffled(Array(forms.indices))
        var dialogue = Dialogue("\(who) \(verb.base) \(tail)", forms[order[0]].question, forms[order[0]].answer)
        // A request names nobody, so only statements can be changed again.
        if random.chance(percent: 30), order[0] != 4, order[1] != 4 {
            let again: [String] = [
                "[And in the past tense?|Now put it into the past.]", "[And in the future?|Now say it about tomorrow.]",
                "[And as a question?|Now make it a question.]", "[And the negative?|Now make it negative.]",
            ]
            dialogue.follow(random.say(again[order[1]]), forms[order[1]].answer)
        }
        return dialogue
    }

    /// Pairs of opposites with the things that can be either.
    private static let opposites: [(String, String, [String])] = [
        ("heavy", "light", ["bag", "box", "coat", "table", "blanket", "hammer", "suitcase", "boat"]),
        ("warm", "cold", ["room", "river", "soup", "blanket", "lake", "house", "tea", "wind"]),
        ("full", "empty", ["bag", "box", "glass", "bottle", "bus", "room", "basket", "train"]),
        ("loud", "quiet", ["engine", "street", "train", "radio", "room", "fan", "market", "class"]),
        ("wide", "narrow", ["road", "river", "bridge", "street", "door", "path", "table", "bed"]),
        ("clean", "dirty", ["coat", "glass", "room", "street", "river", "shirt", "window", "knife"]),
        ("fast", "slow", ["train", "boat", "horse", "car", "bus", "river", "dance", "lift"]),
        ("strong", "weak", ["rope", "bridge", "wind", "horse", "engine", "tea", "lamp", "wall"]),
        ("new", "old", ["road", "coat", "table", "bridge", "radio", "house", "book", "clock"]),
        ("wet", "dry", ["road", "coat", "rope", "blanket", "boat", "shirt", "towel", "path"]),
        ("cheap", "expensive", ["bag", "coat", "lamp", "knife", "radio", "ticket", "watch", "car"]),
        ("soft", "hard", ["blanket", "bed", "bread", "pillow", "chair", "cheese", "ground", "rope"]),
        ("bright", "dark", ["room", "lamp", "street", "path", "hall", "forest", "sky", "house"]),
        ("long", "short", ["road", "rope", "bridge", "coat", "train", "story", "letter", "knife"]),
        ("deep", "shallow", ["river", "lake", "bowl", "hole", "pond", "box", "bay", "well"]),
        ("thick", "thin", ["rope", "book", "blanket", "wall", "glass", "soup", "door", "coat"]),
        ("smooth", "rough", ["road", "table", "wall", "stone", "path", "sea", "rope", "floor"]),
        ("safe", "dangerous", ["road", "bridge", "path", "river", "street", "boat", "knife", "lift"]),
    ]

    static func opposite(_ random: inout SeededRandom) -> Dialogue {
        let pair = random.pick(opposites)
        let (word, other) = random.chance(percent: 50) ? (pair.0, pair.1) : (pair.1, pair.0)
        let thing = random.pick(pair.2)
        let values: [String: any CustomStringConvertible] = ["w": word, "o": other, "thing": thing]
        let question = random.say(
            "[What is the opposite of {w}? Use it in a sentence about a {thing}.|"
                + "Give me the opposite of {w} and a sentence with {thing}.|"
                + "Replace {w} by its opposite: The {thing} is {w}.|"
                + "Name the opposite of {w}, with a {thing} as the example.]",
            values
        ).replacingArticles()
        let answer = random.say(
            "The opposite of {w} is {o}. [For example|A sentence with it|As a sentence]: "
                + "[The {thing} is {o}.|The {thing} is not {w} but {o}.|This {thing} looks {o} to me.|"
                + "I did not expect a {o} {thing}.]",
            values
        ).replacingArticles()
        var dialogue = Dialogue("\(word) \(thing)", question, answer)
        if random.chance(percent: 25) {
            let next = random.pick(opposites.filter { $0.0 != pair.0 })
            dialogue.follow(
                random.say("[And of|What about|And the opposite of] {w}?", ["w": next.0]),
                random.say(
                    "The opposite of {w} is {o}[.|, as in: The {thing} is {o}.]",
                    ["w": next.0, "o": next.1, "thing": random.pick(next.2)]))
        }
        return dialogue
    }

    /// Tarli, a language that exists only here: each word gets an ending, and some dialects turn the word order round.
    static func inventedLanguage(_ random: inout SeededRandom) -> Dialogue {
        let ending = random.pick(["ka", "mo", "lu", "ti", "ra", "bo"])
        let turned = random.chance(percent: 40)
        let dialect = random.pick(["Tarli", "Old Tarli", "North Tarli"])
        let (animal, place) = (
            random.pick(Words.animals), random.pick(["hill", "river", "forest", "road", "field", "lake"])
        )
        let verb = random.pick(["sees", "likes", "finds", "loves", "leaves", "knows"])
        let color = random.pick(Words.colors)
        let words = random.pick([
            [color, animal, verb, place], [animal, verb, color, place], [animal, verb, place], [place, verb, animal],
        ])
        func translated(_ words: [String]) -> String {
            (turned ? words.reversed() : words).map { $0 + ending }.joined(separator: " ")
        }
        let rule = random.say(
            turned
                ? "[In {d}, every word gets the ending -{e} and the word order is reversed.|"
                    + "{d} adds -{e} to each word and turns the order round.]"
                : "[In {d}, every word gets the ending -{e}.|{d} adds -{e} to each word and keeps the order.]",
            ["d": dialect, "e": ending])
        let values: [String: any CustomStringConvertible] = [
            "rule": rule, "s": words.joined(separator: " "), "d": dialect, "e": ending, "t": translated(words),
            "r": words.reversed().joined(separator: " "),
        ]
        let question = random.say(
            "{rule} [Translate: {s}|How do you say \"{s}\"?|Say \"{s}\" in {d}.]", values)
        let answer = random.say(
            turned
                ? "[Reversed|Turned round], the words are {r}. With -{e} [they become|that gives]: {t}"
                : "[With -{e} on each word|Adding -{e} each time], \"{s}\" becomes: {t}", values)
        var dialogue = Dialogue("\(ending) \(turned) \(words.joined(separator: " "))", question, answer)
        if random.chance(percent: 35) {
            let other = [
                random.pick(Words.animals), random.pick(["sees", "likes", "finds"]), random.pick(Words.animals),
            ]
            dialogue.follow(
                random.say("[And|Now|And how about] \"{s}\"?", ["s": other.joined(separator: " ")]),
                random.say("[In {d} that is|That becomes]: {t}", ["d": dialect, "t": translated(other)]))
        }
        return dialogue
    }
}

extension String {
    /// "a old boat" -> "an old boat", for templates that put an adjective behind an article.
    func replacingArticles() -> String {
        split(separator: " ", omittingEmptySubsequences: false).map(String.init).reduce(into: [String]()) {
            words, word in
            if words.last == "a", "aeiou".contains(word.prefix(1)) { words[words.count - 1] = "an" }
            words.append(word)
        }.joined(separator: " ")
    }
}
