/// Short descriptions and stories from attributes that the question gives.
enum DescriptionTasks {
    private static let syllables: (first: [String], last: [String]) = (
        ["Or", "Bel", "Tam", "Ker", "Lun", "Mir", "Dov", "Sel", "Var", "Pol", "Fen", "Gar"],
        ["len", "mar", "dale", "wick", "ona", "stad", "ford", "ika", "bury", "olo"]
    )

    private static func inventedName(_ random: inout SeededRandom) -> String {
        random.pick(syllables.first) + random.pick(syllables.last)
    }

    static func place(_ random: inout SeededRandom) -> Dialogue {
        let name = inventedName(&random)
        let (kind, sites): (String, [String]) = random.pick([
            ("village", ["by a lake", "on a hill", "beside a river", "near a forest", "in a valley"]),
            ("town", ["by a lake", "beside a river", "near a forest", "at the sea", "in a valley"]),
            ("harbour town", ["at the sea", "by a wide bay", "beside a river"]),
            ("mountain village", ["in a high valley", "by a lake", "near a forest", "on a steep hill"]),
            ("island", ["far from the coast", "in a wide bay", "in the north sea"]),
        ])
        let site = random.pick(sites)
        let craft = random.pick([
            "blue pottery", "honey cakes", "wooden clocks", "wool blankets", "smoked fish", "paper kites",
            "apple juice",
            "glass beads",
        ])
        var weather = random.pick(["mild", "windy", "rainy", "sunny", "foggy", "cold"])
        let people = 100 * random.integer(2...40)
        func text(_ random: inout SeededRandom) -> String {
            random.say(
                "[{name} is {kind} {site}.|{^site} lies {name}, {kind}.] "
                    + "[About {n} people live there, and the weather is mostly {w}.|"
                    + "Some {n} people call it home, although it is often {w}.|"
                    + "It has {n} people and {w} weather for most of the year.] "
                    + "[The place is known for its {craft}.|Visitors come for the {craft}.|"
                    + "Everyone who stops there takes home some {craft}.]",
                ["name": name, "kind": withArticle(kind), "site": site, "craft": craft, "w": weather, "n": people])
        }
        let question = random.say(
            "[Describe|Write a short text about|Tell me about] {kind}. Name: {name}. Lies: {site}. Known for: {craft}. "
                + "Weather: {w}. People: {n}.",
            ["kind": withArticle(kind), "name": name, "site": site, "craft": craft, "w": weather, "n": people])
        var dialogue = Dialogue("\(name) \(kind) \(site) \(craft)", question, text(&random))
        if random.chance(percent: 30) {
            if random.chance(percent: 50) {
                let old = weather
                weather = random.pick(["mild", "windy", "rainy", "sunny", "foggy", "cold"].filter { $0 != old })
                dialogue.follow(
                    random.say(
                        "[Change the weather to {w}.|Now with {w} weather, please.|Make it {w} instead.]",
                        ["w": weather]),
                    text(&random))
            } else {
                dialogue.follow(
                    random.say("[Make it one sentence.|Say it in one short sentence.|Shorter, please.]"),
                    random.say(
                        "{name} is {kind} {site}, known for {craft}.",
                        ["name": name, "kind": withArticle(kind), "site": site, "craft": craft]))
            }
        }
        return dialogue
    }

    static func animal(_ random: inout SeededRandom) -> Dialogue {
        let name = inventedName(&random).lowercased()
        let size = random.pick([
            "as big as a cat", "as small as a mouse", "as tall as a horse", "the size of a goose", "as long as an arm",
        ])
        let color = random.pick(Words.colors)
        let cover = random.pick(["fur", "feathers", "scales", "spots", "stripes"])
        let food = random.pick(["moss", "berries", "beetles", "river fish", "roots", "seeds", "nuts"])
        let habit = random.pick([
            "sleeps all winter", "sings at night", "digs long tunnels", "swims at dawn", "builds round nests",
            "climbs tall trees",
        ])
        let home = random.pick([
            "in dry forests", "on cold islands", "in wet meadows", "near old rivers", "on stony hills",
        ])
        let values: [String: any CustomStringConvertible] = [
            "name": name, "size": size, "color": color, "cover": cover, "food": food, "habit": habit, "home": home,
        ]
        let question = random.say(
            "[Describe an invented animal|Invent a short text about an animal|Write about this made-up animal]. "
                + "Name: {name}. Size: {size}. Body: {color} {cover}. Food: {food}. Habit: it {habit}. Home: {home}.",
            values)
        let answer = random.say(
            "[The {name} is {size} and has {color} {cover}.|"
                + "With its {color} {cover}, the {name} is easy to know; it is {size}.] "
                + "[It lives {home} and eats {food}.|{^home} it looks for {food}, its favourite food.] "
                + "[It {habit}.|What makes it special: it {habit}.|People like it because it {habit}.]", values)
        var dialogue = Dialogue("\(name) \(size) \(color) \(cover) \(food)", question, answer)
        if random.chance(percent: 30) {
            if random.chance(percent: 50) {
                dialogue.follow(
                    random.say("[What does it eat?|And its food?|What is its food?]"),
                    random.say("The {name} eats {food}[.|, which it finds {home}.]", values))
            } else {
                dialogue.follow(
                    random.say("[Where does it live?|And its home?|Where can I see one?]"),
                    random.say("[The {name} lives {home}.|You can see the {name} {home}.]", values))
            }
        }
        return dialogue
    }

    static func recipe(_ random: inout SeededRandom) -> Dialogue {
        let sweet = random.chance(percent: 35)
        let dish = random.pick(
            sweet ? ["fruit salad", "cake", "crumble"] : ["soup", "salad", "stew", "pie", "omelette", "pasta dish"])
        let foods = random.pick(
            3,
            from: sweet
                ? ["apples", "pears", "plums", "peaches", "figs", "cherries", "berries", "apricots"]
                : ["onions", "carrots", "tomatoes", "potatoes", "olives", "mushrooms", "beans", "leeks", "peas"])
        let minutes = 5 * random.integer(2...8)
        let spices =
            sweet
            ? ["cinnamon", "vanilla", "honey", "mint"] : ["salt", "pepper", "basil", "parsley", "thyme", "chives"]
        let spice = random.pick(spices)
        let guests = random.integer(2...6)
        let values: [String: any CustomStringConvertible] = [
            "dish": dish, "a": foods[0], "b": foods[1], "c": foods[2], "m": minutes, "spice": spice, "g": guests,
        ]
        let question = random.say(
            "[Write a short recipe for|Give me a simple recipe for|I want to make] a {dish} with {a}, {b} and {c}. "
                + "Time: {m} minutes. [For {g} people, with {spice}.|Season it with {spice}, for {g} people.]", values
        ).replacingArticles()
        let heat =
            dish.hasSuffix("salad")
            ? "Let it rest for {m} minutes" : "[Cook it for {m} minutes|Leave it on the heat for {m} minutes]"
        let answer = random.say(
            "[Wash and cut the {a} and the {b}.|Cut the {a} into small pieces and add the {b}.] "
                + "[Mix in the {c}.|Then add the {c}.|Put the {c} on top.] \(heat)[, then season it with {spice}.|"
                + ". Add {spice} at the end.] "
                + "[The {dish} is enough for {g}.|Serve the {dish} to {g} people.]", values)
        var dialogue = Dialogue("\(dish) \(foods.sorted().joined(separator: " ")) \(minutes)", question, answer)
        if random.chance(percent: 30) {
            let other = random.pick(spices.filter { $0 != spice })
            dialogue.follow(
                random.say(
                    "[I have no {spice}. Can I use {o}?|Can I take {o} instead of {spice}?]",
                    ["spice": spice, "o": other]),
                random.say(
                    "[Yes, {o} works well too.|"
                        + "Yes, take {o} instead of {spice}.] [Add it at the end and taste the {dish}.|"
                        + "Use a little less of it at first.]", ["spice": spice, "o": other, "dish": dish]))
        }
        return dialogue
    }

    static func story(_ random: inout SeededRandom) -> Dialogue {
        let person = random.pick(Words.people)
        let animal = random.pick(Words.animals)
        let object = random.pick(Words.objects).one
        let place = random.pick(["lake", "harbour", "old mill", "market", "castle", "fountain", "library", "bridge"])
        let mood = random.pick(["happy", "funny", "quiet", "surprising"])
        let values: [String: any CustomStringConvertible] = [
            "who": person.name, "they": person.subject, "their": person.possessive, "animal": animal,
            "object": object, "place": place, "mood": mood, "aAnimal": withArticle(animal),
            "aObject": withArticle(object),
        ]
        let question = random.say(
            "[Tell a {mood} story with|Write a {mood} little story about|I would like a {mood} story with] {who}, "
                + "{aAnimal} and {aObject}. [It happens at the {place}.|Place: the {place}.]", values)
        let ending: [String: String] = [
            "happy": "[From then on they were friends.|Both went home happy that day.]",
            "funny":
                "[Then the {animal} sneezed and everybody laughed.|"
                + "The {animal} wore the {object} as a hat, and {who} could not stop laughing.]",
            "quiet": "[They sat there until the sun went down.|Nobody said a word, and it was a good evening.]",
            "surprising": "[Then the {animal} said thank you, in clear words.|The next morning the {object} was back.]",
        ]
        let plot = random.pick([
            "There {they} met {aAnimal} that had lost {aObject}. "
                + "[{who} helped to look for it and found it under a bench.|"
                + "After a long search {who} saw the {object} in the grass.|"
                + "\"Is this yours?\" asked {who} and held up the {object}.]",
            "{^aAnimal} was sitting there with {aObject}. "
                + "[{who} shared {their} bread, and the {animal} gave {who} the {object}.|"
                + "\"May I have that?\" asked {who}, and the {animal} let go of the {object}.]",
            "On the ground lay {aObject}, and {aAnimal} was watching over it. "
                + "[{who} sat down and told the {animal} a secret.|"
                + "{who} asked whose {object} it was, but the {animal} only looked away.]",
        ])
        let answer = random.say(
            "[One morning {who} went to the {place}.|{who} was walking near the {place}.|"
                + "It was late when {who} came to the {place}.] "
                + plot + " " + (ending[mood] ?? ""), values)
        var dialogue = Dialogue("\(person.name) \(animal) \(object) \(place)", question, answer)
        if random.chance(percent: 35) {
            switch random.integer(0...1) {
            case 0:
                dialogue.follow(
                    random.say("[Give the story a title.|What could the title be?|And a title?]"),
                    random.say(
                        "[A good title is|It could be called|Perhaps]: {t}",
                        [
                            "t": random.say(
                                "[The {^animal} and the {^object}|{who} at the {^place}|{who} and the {^animal}]",
                                values)
                        ]))
            default:
                dialogue.follow(
                    random.say("[Who is in the story?|Sum it up in one sentence.|What is it about?]"),
                    random.say(
                        "[It is about {who}, {aAnimal} and {aObject} at the {place}.|"
                            + "{who} meets {aAnimal} at the {place}, and it is about {aObject}.]",
                        values))
            }
        }
        return dialogue
    }
}
