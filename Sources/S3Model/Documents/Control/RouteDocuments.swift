/// The answer of GetMultiRegionAccessPointRoutes (spec/mrap.md §6.9).
package struct GetMultiRegionAccessPointRoutesResult: Sendable {
    package struct Route: Sendable {
        package var bucket: String
        package var region: String
        /// 0...100
        package var trafficDialPercentage: Int

        package init(bucket: String, region: String, trafficDialPercentage: Int) {
            self.bucket = bucket
            self.region = region
            self.trafficDialPercentage = trafficDialPercentage
        }
    }

    /// The access point's ARN.
    package var mrap: String
    package var routes: [Route]

    package init(mrap: String, routes: [Route]) {
        self.mrap = mrap
        self.routes = routes
    }

    package func xml() -> [UInt8] {
        XMLWriter.control("GetMultiRegionAccessPointRoutesResult") { writer in
            writer.element("Mrap", mrap)
            writer.element("Routes") { writer in
                for route in routes {
                    writer.element("Route") { writer in
                        writer.element("Bucket", route.bucket)
                        writer.element("Region", route.region)
                        writer.element("TrafficDialPercentage", route.trafficDialPercentage)
                    }
                }
            }
        }
    }
}

/// The body of SubmitMultiRegionAccessPointRoutes (spec/mrap.md §6.10), as it came: whether bucket and region exist and
/// belong together is for the routes to say. The answer's body is empty.
package struct SubmitMultiRegionAccessPointRoutesRequest: Sendable, Hashable {
    package struct Route: Sendable, Hashable {
        package var bucket: String?
        package var region: String?
        package var trafficDialPercentage: Int

        package init(bucket: String?, region: String?, trafficDialPercentage: Int) {
            self.bucket = bucket
            self.region = region
            self.trafficDialPercentage = trafficDialPercentage
        }
    }

    package var routeUpdates: [Route]

    package init(routeUpdates: [Route]) { self.routeUpdates = routeUpdates }

    /// Throws `InvalidRequest` for a route without bucket and region, or with a dial outside 0...100.
    package static func parse(
        _ body: some Collection<UInt8>
    ) throws(S3Error) -> SubmitMultiRegionAccessPointRoutesRequest {
        let root = try XMLReader.parse(
            body, root: "SubmitMultiRegionAccessPointRoutesRequest",
            shape: ["RouteUpdates": ["Route": ["Bucket": [:], "Region": [:], "TrafficDialPercentage": [:]]]])
        var routes: [Route] = []
        for element in try root.required("RouteUpdates").all("Route") {
            guard let dial = try element.integer("TrafficDialPercentage") else {
                throw .malformed("'Route' must contain 'TrafficDialPercentage'.")
            }
            guard (0...100).contains(dial) else {
                throw S3Error(
                    .invalidRequest, "TrafficDialPercentage must be an integer from 0 to 100, but it is \(dial).")
            }
            let bucket = try element.trimmed("Bucket").flatMap { $0.isEmpty ? nil : $0 }
            let region = try element.trimmed("Region").flatMap { $0.isEmpty ? nil : $0 }
            guard bucket != nil || region != nil else {
                throw S3Error(.invalidRequest, "Every route needs a Bucket or a Region.")
            }
            routes.append(Route(bucket: bucket, region: region, trafficDialPercentage: dial))
        }
        return SubmitMultiRegionAccessPointRoutesRequest(routeUpdates: routes)
    }
}
