/// Sorting, counting, and shopping lists that change from turn to turn.
enum ListTasks {
    static func sorting(_ random: inout SeededRandom) -> Dialogue {
        random.chance(percent: 55) ? sortNumbers(&random) : sortWords(&random)
    }

    private static func sortNumbers(_ random: inout SeededRandom) -> Dialogue {
        let numbers = random.pick(random.integer(3...6), from: Array(2...99))
        let ascending = random.chance(percent: 60)
        let sorted = ascending ? numbers.sorted() : numbers.sorted(by: >)
        let values: [String: any CustomStringConvertible] = [
            "list": numbers.map(String.init).joined(separator: ", "),
            "sorted": sorted.map(String.init).joined(separator: ", "),
            "order": ascending ? "from smallest to largest" : "from largest to smallest",
            "first": sorted[0], "last": sorted[sorted.count - 1],
            "firstKind": ascending ? "smallest" : "largest", "lastKind": ascending ? "largest" : "smallest",
        ]
        let question = random.say(
            "[Sort these numbers {order}: {list}.|Put {list} in order, {order}.|Please sort {list} {order}.|"
                + "Order the numbers {list} {order}.]", values)
        let answer = random.say(
            "[Sorted {order}|{^order}|In order, {order}]: {sorted}. "
                + "[The {firstKind} is {first} and the {lastKind} is {last}.|"
                + "It starts with {first} and ends with {last}.]",
            values)
        var dialogue = Dialogue(numbers.sorted().map(String.init).joined(separator: " "), question, answer)
        if random.chance(percent: 30) {
            if random.chance(percent: 50) {
                dialogue.follow(
                    random.say("[What is the sum of the first two?|Add the first two numbers.]"),
                    random.say(
                        "The first two are {a} and {b}, and {a} + {b} = {c}.",
                        ["a": sorted[0], "b": sorted[1], "c": sorted[0] + sorted[1]]))
            } else {
                dialogue.follow(
                    random.say("[Now the other way round.|And in the opposite order?|Please reverse it.]"),
                    random.say(
                        "[The other way round|In the opposite order|Reversed] it is {list}.",
                        ["list": sorted.reversed().map(String.init).joined(separator: ", ")]))
            }
        }
        return dialogue
    }

    private static func sortWords(_ random: inout SeededRandom) -> Dialogue {
        let source = random.pick([
            Words.objects.map(\.one), Words.foods.map(\.one), Words.animals, Words.names, Words.cities, Words.colors,
        ])
        let words = random.pick(random.integer(3...5), from: source)
        let sorted = words.sorted()
        let values: [String: any CustomStringConvertible] = [
            "list": words.joined(separator: ", "), "sorted": sorted.joined(separator: ", "), "first": sorted[0],
            "last": sorted[sorted.count - 1],
        ]
        let question = random.say(
            "[Sort these words alphabetically: {list}.|Put {list} in alphabetical order.|"
                + "Please sort {list} from A to Z.|In which alphabetical order do {list} come?]", values)
        let answer = random.say(
            "[In alphabetical order|From A to Z|Sorted alphabetically]: {sorted}. "
                + "[The first word is {first}, the last one {last}.|So {first} comes first and {last} last.]", values)
        var dialogue = Dialogue(sorted.joined(separator: " "), question, answer)
        if random.chance(percent: 25) {
            let place = random.integer(1...(sorted.count - 1))
            dialogue.follow(
                random.say("[Which word comes right after {w}?|What follows {w}?]", ["w": sorted[place - 1]]),
                random.say(
                    "[Right after {w} comes|{^w} is followed by] {next}.",
                    ["w": sorted[place - 1], "next": sorted[place]]))
        }
        return dialogue
    }

    static func counting(_ random: inout SeededRandom) -> Dialogue {
        random.chance(percent: 65) ? countItems(&random) : countWords(&random)
    }

    private static func countItems(_ random: inout SeededRandom) -> Dialogue {
        let source = random.pick([Words.objects.map(\.one), Words.foods.map(\.one), Words.animals, Words.colors])
        let kinds = random.pick(3, from: source)
        let wanted = kinds[0]
        let times = random.integer(2...4)
        let list = random.shuffled(
            Array(repeating: wanted, count: times) + Array(repeating: kinds[1], count: random.integer(1...2)) + [
                kinds[2]
            ])
        let places = list.indices.filter { list[$0] == wanted }.map { ordinal($0 + 1) }
        let values: [String: any CustomStringConvertible] = [
            "list": list.joined(separator: ", "), "w": wanted, "n": times, "places": listed(places),
        ]
        let question = random.say(
            "[How often does {w} appear in this list: {list}?|Count the word {w} in: {list}.|"
                + "Here is a list: {list}. How many times is {w} in it?|In {list}, how often do you see {w}?]", values)
        let answer = random.say(
            "[Going through the list, {w} is the {places} word|The word {w} stands at the {places} place]. "
                + "[That makes {n} times.|So it appears {n} times.|The count is {n}.]", values)
        var dialogue = Dialogue(list.joined(separator: " "), question, answer)
        if random.chance(percent: 30) {
            let other = kinds[1]
            let otherCount = list.count { $0 == other }
            dialogue.follow(
                random.say("[And|What about|And how often is there] {w}?", ["w": other]),
                random.say(
                    "[The word {w}|{^w}] appears [only |]{n}.", ["w": other, "n": otherCount == 1 ? "once" : "twice"]))
        }
        return dialogue
    }

    private static func countWords(_ random: inout SeededRandom) -> Dialogue {
        let text = random.say(
            "[the|one|our|this] [small|old|quiet|young|clever|brown|tired] {animal} [sleeps|runs|waits|hides|"
                + "sings|eats] "
                + "[near|behind|under|beside] [the tree|the house|a wall|the old bridge|our gate|the long green hedge]",
            ["animal": random.pick(Words.animals)])
        let words: [String] = text.split(separator: " ").map(String.init)
        let sentence = capitalised(text) + "."
        let values: [String: any CustomStringConvertible] = [
            "s": sentence, "n": words.count, "list": words.joined(separator: ", "), "first": words[0],
            "last": words[words.count - 1],
        ]
        let question = random.say(
            "[How many words are in this sentence: \"{s}\"|Count the words: \"{s}\"|\"{s}\" How many words is that?]",
            values)
        let answer = random.say(
            "The words are {list}. [That is|This makes|Counted, that is] {n} words[.|, from {first} to {last}.]", values
        )
        return Dialogue(sentence, question, answer)
    }

    static func shoppingList(_ random: inout SeededRandom) -> Dialogue {
        let foods = random.pick(random.integer(3...4), from: Words.foods)
        var items = foods.map { (food: $0, count: random.integer(1...9)) }
        let phrase = listed(items.map { counted($0.count, $0.food) })
        func lines() -> String { items.map { "- " + counted($0.count, $0.food) }.joined(separator: "\n") }
        let question = random.say(
            "[Turn this into a list: we need {p}.|Make a shopping list from this: {p}.|"
                + "I have to buy {p}. Write it as a list.|"
                + "Please write a list of these things: {p}.]", ["p": phrase])
        let answer = random.say(
            "[Here is [the|your] list:|Your shopping list:|To buy:]\n{lines}", ["lines": lines()])
        var dialogue = Dialogue(
            items.map { "\($0.count) \($0.food.one)" }.sorted().joined(separator: ", "), question, answer)
        if random.chance(percent: 55) {
            switch random.integer(0...2) {
            case 0:
                let used = Set(items.map(\.food.one))
                let extra = random.pick(Words.foods.filter { !used.contains($0.one) })
                items.append((extra, random.integer(1...9)))
                let added = counted(items[items.count - 1].count, extra)
                dialogue.follow(
                    random.say("[Add {a}, please.|We also need {a}.|Put {a} on it too.]", ["a": added]),
                    random.say("[Done, with|I added] {a}:\n{lines}", ["a": added, "lines": lines()]))
            case 1:
                let gone = items.remove(at: random.integer(0...(items.count - 1)))
                dialogue.follow(
                    random.say(
                        "[Take the {a} off again.|We have {a} at home, remove them.|Without the {a}, please.]",
                        ["a": gone.food.many]),
                    random.say(
                        "[Without the {a}|The {a} are gone; now] it is:\n{lines}",
                        ["a": gone.food.many, "lines": lines()]))
            default:
                let total = items.reduce(0) { $0 + $1.count }
                dialogue.follow(
                    random.say("[How many things is that in all?|How many pieces are on the list?]"),
                    random.say(
                        "{sum} = {t}, so [there are {t} pieces in all|it is {t} pieces].",
                        ["sum": items.map { String($0.count) }.joined(separator: " + "), "t": total]))
            }
        }
        return dialogue
    }
}
