/// The release, as printed by `meridian version`, in the banner and in `/-/status`.
package enum Version {
    package static let number = "0.1.0"
    package static let text = "meridian \(number)"
}
