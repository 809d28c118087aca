/// A number with its noun: "1 shard", "2 shards", "0 shards".
///
/// - Parameters:
///   - noun: in the singular.
///   - plural: where it is not the noun with an s.
package func counted(_ number: Int, _ noun: String, _ plural: String? = nil) -> String {
    "\(number) " + (number == 1 ? noun : plural ?? noun + "s")
}
