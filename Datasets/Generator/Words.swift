struct Noun {
    let one: String
    let many: String

    init(_ one: String, _ many: String? = nil) {
        self.one = one
        self.many = many ?? one + "s"
    }
}

struct Person {
    let name: String
    let subject: String
    let possessive: String
}

/// The words that the tasks share. A word that belongs to one kind of task stands beside that task.
enum Words {
    static let people: [Person] =
        ["Mara", "Nora", "Lena", "Ida", "Rosa", "Tilda", "Vera", "Hanna", "Salma", "Priya", "Yuki", "Carla"]
        .map { Person(name: $0, subject: "she", possessive: "her") }
        + ["Tom", "Ben", "Oscar", "Milo", "Felix", "Hugo", "Karim", "Anton", "Pedro", "Leo", "Samir", "Kenji"]
        .map { Person(name: $0, subject: "he", possessive: "his") }

    static let names: [String] = people.map(\.name)

    static let objects: [Noun] = [
        Noun("shell"), Noun("stamp"), Noun("marble"), Noun("pencil"), Noun("book"), Noun("coin"), Noun("sticker"),
        Noun("button"), Noun("candle"), Noun("ticket"), Noun("badge"), Noun("bottle"), Noun("key"), Noun("postcard"),
        Noun("ribbon"), Noun("stone"), Noun("spoon"), Noun("plant"),
    ]

    static let foods: [Noun] = [
        Noun("apple"), Noun("pear"), Noun("plum"), Noun("lemon"), Noun("onion"), Noun("carrot"), Noun("egg"),
        Noun("tomato", "tomatoes"), Noun("potato", "potatoes"), Noun("peach", "peaches"), Noun("fig"), Noun("melon"),
        Noun("bun"), Noun("cookie"), Noun("olive"), Noun("radish", "radishes"),
    ]

    static let animals: [String] = [
        "fox", "otter", "owl", "hare", "badger", "heron", "goat", "cat", "pony", "crow", "turtle", "hedgehog",
    ]

    static let colors: [String] = [
        "red", "blue", "green", "yellow", "white", "black", "orange", "purple", "grey", "brown",
    ]

    static let cities: [String] = [
        "Porto", "Turin", "Lyon", "Oslo", "Lima", "Cairo", "Kyoto", "Tampa", "Dublin", "Hobart", "Quito", "Riga",
    ]

    static let jobs: [String] = [
        "baker", "nurse", "pilot", "teacher", "gardener", "plumber", "painter", "librarian", "cook", "carpenter",
    ]

    static let places: [String] = [
        "the library", "the harbour", "the market", "the school", "the garden", "the station", "the workshop",
        "the museum", "the town hall", "the bakery",
    ]

    static let weekdays: [String] = [
        "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday",
    ]

    static let months: [(name: String, days: Int)] = [
        ("January", 31), ("February", 28), ("March", 31), ("April", 30), ("May", 31), ("June", 30), ("July", 31),
        ("August", 31), ("September", 30), ("October", 31), ("November", 30), ("December", 31),
    ]
}
