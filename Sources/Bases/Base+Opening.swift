import DurableFiles
public import Hub
public import Logging

extension Base {
    /// Opens what a configuration's `base` says: a path, or `org/name[@revision]` on the Hugging Face Hub.
    ///
    /// A path that exists comes first, so a local directory `org/name` shadows the Hub's.
    /// - Throws: ``BaseError``, `HubError`, `WeightFileError` or `DurableFileError`.
    public static func open(
        _ reference: String, cache: CacheStore = .standard(), hub: HubConfiguration? = nil,
        logger: Logger = Logger(label: "shoal.base")
    ) async throws -> Base {
        let path = try await resolve(reference, hub: hub, logger: logger)
        return try Base(reference: reference, path: path, cache: cache, logger: logger)
    }

    /// The local path of what `base` says, downloaded where it is on the Hub alone.
    ///
    /// - Parameter hub: nil takes what the environment says.
    public static func resolve(
        _ reference: String, hub: HubConfiguration? = nil, logger: Logger = Logger(label: "shoal.base")
    ) async throws -> String {
        if FileStatus(path: reference) != nil { return reference }
        guard let id = HubReference(reference) else {
            throw BaseError(
                .notFound, reference,
                "no such file or directory, and no Hub id (org/name or org/name@revision); check the path")
        }
        let configuration = try hub ?? HubConfiguration()
        return try await Hub(configuration: configuration, logger: logger).snapshot(of: id)
    }
}
