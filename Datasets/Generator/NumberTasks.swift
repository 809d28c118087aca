/// Small sums with their steps, and conversions of units with the rule that they follow.
enum NumberTasks {
    static func arithmetic(_ random: inout SeededRandom) -> Dialogue {
        var (dialogue, result): (Dialogue, Int)
        switch random.integer(0...2) {
        case 0: (dialogue, result) = addition(&random)
        case 1: (dialogue, result) = subtraction(&random)
        default: (dialogue, result) = multiplication(&random)
        }
        if random.chance(percent: 28) {
            let step = random.integer(2...9)
            switch random.integer(0...2) {
            case 0:
                dialogue.follow(
                    random.say(
                        "[Now add|And if you add|Please add] {s} to [that|the result][.|, please.]", ["s": step]),
                    random.say(
                        "{r} + {s} = {t}[, so the new result is {t}.|. That makes {t}.]",
                        ["r": result, "s": step, "t": result + step]))
            case 1:
                dialogue.follow(
                    random.say("[What is twice that?|Double the result, please.|And two times that?]"),
                    random.say(
                        "[Twice {r} is|Two times {r} makes] {r} + {r} = {t}.", ["r": result, "t": 2 * result]))
            default:
                dialogue.follow(
                    random.say("[Is that|Is the result|Would you call that] an even number?"),
                    evenness(result, &random))
            }
        }
        return dialogue
    }

    static func evenness(_ number: Int, _ random: inout SeededRandom) -> String {
        random.say(
            "{yes}, {n} is [an {kind} number|{kind}], because [it ends in {d}|"
                + "its last digit is {d}, and {d} is {kind}].",
            [
                "yes": number.isMultiple(of: 2) ? "Yes" : "No", "n": number, "d": number % 10,
                "kind": number.isMultiple(of: 2) ? "even" : "odd",
            ])
    }

    private static func addition(_ random: inout SeededRandom) -> (Dialogue, Int) {
        let (a, b) = (random.integer(11...98), random.integer(11...98))
        let (tens, ones) = (a / 10 * 10 + b / 10 * 10, a % 10 + b % 10)
        let values: [String: Int] = [
            "a": a, "b": b, "ta": a / 10 * 10, "tb": b / 10 * 10, "oa": a % 10, "ob": b % 10, "t": tens, "o": ones,
            "c": a + b,
        ]
        let question = random.say(
            "[What is {a} + {b}?|Add {a} and {b}.|How much is {a} plus {b}?|Please work out {a} + {b}.|"
                + "Can you add {a} and {b} for me?|{a} + {b} = ?]", values)
        let answer = random.say(
            "[[Start with|First add|Take] the tens: {ta} + {tb} = {t}. [Then|Next come|Now] the ones: "
                + "{oa} + {ob} = {o}. [Together|In all], {t} + {o} = {c}.|"
                + "{a} + {tb} = [{m}|{m}], and {m} + {ob} = {c}. [So the sum is {c}.|The answer is {c}.]]",
            values.merging(["m": a + b / 10 * 10]) { old, _ in old })
        return (Dialogue("\(min(a, b))+\(max(a, b))", question, answer), a + b)
    }

    private static func subtraction(_ random: inout SeededRandom) -> (Dialogue, Int) {
        let a = random.integer(31...99)
        let b = random.integer(11...(a - 12))
        let values: [String: Int] = [
            "a": a, "b": b, "tb": b / 10 * 10, "ob": b % 10, "m": a - b / 10 * 10, "c": a - b,
        ]
        let question = random.say(
            "[What is {a} - {b}?|Subtract {b} from {a}.|How much is {a} minus {b}?|Please work out {a} - {b}.|"
                + "What is left when you take {b} away from {a}?|{a} - {b} = ?]", values)
        let answer = random.say(
            "[[First take away|Take away] the tens: {a} - {tb} = {m}. [Then|Now] the ones: {m} - {ob} = {c}. "
                + "[The answer is {c}.|So {c} is left.]|"
                + "{a} - {tb} = {m}, and {m} - {ob} = {c}. [So the difference is {c}.|That leaves {c}.]]",
            values)
        return (Dialogue("\(a)-\(b)", question, answer), a - b)
    }

    private static func multiplication(_ random: inout SeededRandom) -> (Dialogue, Int) {
        let (a, b) = (random.integer(2...9), random.integer(11...49))
        let values: [String: Int] = [
            "a": a, "b": b, "tb": b / 10 * 10, "ob": b % 10, "t": a * (b / 10 * 10), "o": a * (b % 10), "c": a * b,
        ]
        let question = random.say(
            "[What is {a} x {b}?|Multiply {a} by {b}.|How much is {a} times {b}?|Please work out {a} x {b}.|"
                + "Can you multiply {b} by {a}?|{a} x {b} = ?]", values)
        let answer = random.say(
            "[Split {b} into {tb} and {ob}|Think of {b} as {tb} + {ob}]: {a} x {tb} = {t} and {a} x {ob} = {o}. "
                + "[Together|Added up] that is {t} + {o} = {c}.", values)
        return (Dialogue("\(a)*\(b)", question, answer), a * b)
    }

    private struct Conversion {
        let (large, small): (Noun, Noun)
        let factor: Int
        let most: Int
    }

    private static let conversions: [Conversion] = [
        Conversion(large: Noun("hour"), small: Noun("minute"), factor: 60, most: 12),
        Conversion(large: Noun("minute"), small: Noun("second"), factor: 60, most: 12),
        Conversion(large: Noun("week"), small: Noun("day"), factor: 7, most: 20),
        Conversion(large: Noun("day"), small: Noun("hour"), factor: 24, most: 10),
        Conversion(large: Noun("metre"), small: Noun("centimetre"), factor: 100, most: 60),
        Conversion(large: Noun("kilometre"), small: Noun("metre"), factor: 1000, most: 60),
        Conversion(large: Noun("kilogram"), small: Noun("gram"), factor: 1000, most: 60),
        Conversion(large: Noun("litre"), small: Noun("millilitre"), factor: 1000, most: 60),
        Conversion(large: Noun("year"), small: Noun("month"), factor: 12, most: 20),
        Conversion(large: Noun("dozen", "dozen"), small: Noun("egg"), factor: 12, most: 20),
    ]

    static func units(_ random: inout SeededRandom) -> Dialogue {
        let conversion = random.pick(conversions)
        let amount = random.integer(2...conversion.most)
        let total = amount * conversion.factor
        let values: [String: any CustomStringConvertible] = [
            "n": amount, "total": total, "f": conversion.factor, "large": counted(amount, conversion.large),
            "one": withArticle(conversion.large.one) == "a hour" ? "an hour" : withArticle(conversion.large.one),
            "small": conversion.small.many, "larges": conversion.large.many,
        ]
        let down = random.chance(percent: 60)
        let question = random.say(
            down
                ? "[How many {small} are [there in|in] {large}?|Convert {large} to {small}.|"
                    + "Please change {large} into {small}.|{^large} is how many {small}?]"
                : "[How many {larges} are {total} {small}?|Convert {total} {small} to {larges}.|"
                    + "Please change {total} {small} into {larges}.|"
                    + "I have {total} {small}. How many {larges} is that?]",
            values)
        let rule = random.say("[There are {f} {small} in {one}|{^one} has {f} {small}|{^one} is {f} {small}]", values)
        let answer = random.say(
            down
                ? "{rule}, so [you multiply|we multiply|multiply]: {n} x {f} = {total}. [{^large} [are|"
                    + "make] {total} {small}.|"
                    + "The answer is {total} {small}.]"
                : "{rule}, so [you divide|we divide|divide]: {total} / {f} = {n}. [{total} {small} [are|make] {large}.|"
                    + "The answer is {large}.]",
            values.merging(["rule": rule]) { old, _ in old })
        var dialogue = Dialogue("\(conversion.large.one) \(amount) \(down)", question, answer)
        if random.chance(percent: 25) {
            let other = amount + random.integer(1...5)
            dialogue.follow(
                random.say("[And|What about|And for] {large}?", ["large": counted(other, conversion.large)]),
                random.say(
                    "[The same rule gives|In the same way,|Again we multiply:] {n} x {f} = {total}, [that is|"
                        + "so] {total} {small}.",
                    [
                        "n": other, "f": conversion.factor, "total": other * conversion.factor,
                        "small": conversion.small.many,
                    ]))
        }
        return dialogue
    }
}
