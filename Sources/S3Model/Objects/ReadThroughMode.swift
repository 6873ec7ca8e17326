/// How a read through an access point treats what is still on its way to the region that serves it.
package enum ReadThroughMode: String, Sendable, Hashable, CaseIterable, Codable {
    /// The region answers with what it has.
    case local
    /// Where the region would answer that there is nothing, it asks the members whose rules promise the key here.
    case readThrough = "read-through"
    /// It always asks them, and serves the newest version.
    case freshest
}
