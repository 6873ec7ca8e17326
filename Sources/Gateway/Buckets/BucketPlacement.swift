package import S3Model

/// Which region a new bucket goes to. Pure.
package struct BucketPlacement: Sendable {
    /// The configured ones.
    let regions: Set<RegionName>
    let home: RegionName

    package init(regions: Set<RegionName>, home: RegionName) {
        self.regions = regions
        self.home = home
    }

    /// `LocationConstraint` decides. Without one, the request's own region does: the configured region that its host
    /// names, else the one that its signature is for; when there is none, the home region.
    ///
    /// As on AWS, a request whose own region is not us-east-1 must bring the same `LocationConstraint`, and us-east-1
    /// takes any. Throws `IllegalLocationConstraintException` or `InvalidLocationConstraint`.
    package func region(constraint: String?, host: RegionName?, scope: RegionName?) throws(S3Error) -> RegionName {
        let own = [host, scope].compactMap { $0 }.first { regions.contains($0) }
        let demanded = own?.rawValue == "us-east-1" ? nil : own
        guard let constraint, !constraint.isEmpty else {
            guard let demanded else { return own ?? home }
            throw S3Error(
                .illegalLocationConstraintException,
                "The unspecified location constraint is incompatible for the region specific endpoint this request was sent to (\(demanded))."
            )
        }
        let region = RegionName(constraint == "EU" ? "eu-west-1" : constraint)
        guard let region, regions.contains(region) else {
            let names = regions.sorted().map(\.rawValue).joined(separator: ", ")
            throw S3Error(
                .invalidLocationConstraint,
                "The specified location-constraint '\(constraint.prefix(64))' is not valid. Regions here: \(names).",
                fields: [.init("LocationConstraint", String(constraint.prefix(64)))])
        }
        guard demanded == nil || demanded == region else {
            throw S3Error(
                .illegalLocationConstraintException,
                "The \(region) location constraint is incompatible for the region specific endpoint this request was sent to (\(demanded?.rawValue ?? ""))."
            )
        }
        return region
    }
}
