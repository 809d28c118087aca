/// What a slice of a step's batches gave beside its gradient: what all ranks have to know of it.
struct SliceReport: Codable {
    /// A batch's slice whose loss is not finite.
    struct Failure: Codable {
        let reason: String
        let ids: [String]
    }

    var weight = 0.0
    var tokens = 0
    var metrics = MetricMeans()
    var ids: [String] = []
    var failures: [Failure] = []
}
