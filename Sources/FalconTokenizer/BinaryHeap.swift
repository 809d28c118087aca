/// A binary heap: the least element first.
struct BinaryHeap<Element: Comparable & Sendable>: Sendable {
    private var elements: [Element] = []

    mutating func removeAll() {
        elements.removeAll(keepingCapacity: true)
    }

    /// O(log n).
    mutating func push(_ element: Element) {
        elements.append(element)
        var child = elements.count - 1
        while child > 0 {
            let parent = (child - 1) / 2
            guard element < elements[parent] else { break }
            elements[child] = elements[parent]
            child = parent
        }
        elements[child] = element
    }

    /// Removes the least element; `nil` where there is none. O(log n).
    mutating func pop() -> Element? {
        guard let top = elements.first, let last = elements.popLast() else { return nil }
        if elements.isEmpty { return top }
        var parent = 0
        while true {
            var child = parent * 2 + 1
            guard child < elements.count else { break }
            if child + 1 < elements.count, elements[child + 1] < elements[child] { child += 1 }
            guard elements[child] < last else { break }
            elements[parent] = elements[child]
            parent = child
        }
        elements[parent] = last
        return top
    }
}
