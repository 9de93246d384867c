import DurableFiles
import Foundation
public import Logging
import NIOCore
import NIOHTTP1

/// Models from the Hugging Face Hub, kept in the cache that transformers uses too.
public struct Hub: Sendable {
    /// Where the Hub is and where its files are kept.
    public let configuration: HubConfiguration
    private let logger: Logger

    /// Longest list of files that is read.
    private static let listingLimit = 1 << 24

    public init(configuration: HubConfiguration, logger: Logger = Logger(label: "shoal.hub")) {
        self.configuration = configuration
        self.logger = logger
    }

    /// The directory of a model: config.json, tokenizer, safetensors.
    ///
    /// A whole snapshot in the cache is used as it is, without asking the Hub whether the branch has moved on; name
    /// another revision to get another one. Otherwise what is missing is downloaded: broken connections are taken
    /// up where they broke, digests checked, files named only when they are whole.
    /// - Throws: ``HubError``, or `DurableFileError` when the disk refuses.
    public func snapshot(of reference: HubReference) async throws -> String {
        let cache = HubCache(root: configuration.cacheDirectory, reference: reference)
        let missing = cache.commit.map { cache.missingFiles(commit: $0) }
        if let commit = cache.commit, missing?.isEmpty == true { return cache.snapshotPath(commit: commit) }
        if configuration.isOffline {
            let found =
                missing.map { "the cache lacks \($0.joined(separator: ", "))" } ?? "it is not in the cache"
            throw HubError(
                .offline, "\(reference)",
                "\(found) (\(configuration.cacheDirectory)), and HF_HUB_OFFLINE is set; unset it, or give a directory"
            )
        }
        let session = try HubSession(configuration: configuration, logger: logger)
        do {
            let path = try await download(cache, session: session)
            await session.close()
            return path
        } catch {
            await session.close()
            throw error
        }
    }

    private func download(_ cache: HubCache, session: HubSession) async throws -> String {
        let (commit, names) = try await listing(cache.reference, session: session)
        guard names.contains("config.json") else {
            throw HubError(
                .unsupported, "\(cache.reference)", "has no config.json; expected a model for transformers")
        }
        guard names.contains(HubFiles.single) || names.contains(HubFiles.index) else {
            throw HubError(
                .unsupported, "\(cache.reference)",
                "has no \(HubFiles.single) or \(HubFiles.index); take a repository with safetensors, or download"
                    + " its .gguf file and give its path")
        }
        let download = HubDownload(session: session, cache: cache)
        func fetch(_ name: String) async throws {
            if cache.hasFile(name, commit: commit) { return }
            let file = try await download.metadata(of: name, revision: commit)
            guard file.commit == commit else {
                throw HubError(
                    .protocolViolation, "\(cache.reference)/\(name)",
                    "is of commit \(file.commit), expected \(commit)")
            }
            try await download.fetch(file)
        }
        for name in HubFiles.companions where names.contains(name) { try await fetch(name) }
        // One file is enough where a repository has both.
        if names.contains(HubFiles.single) {
            try await fetch(HubFiles.single)
        } else {
            try await fetch(HubFiles.index)
            let path = cache.snapshotPath(commit: commit) + "/" + HubFiles.index
            let index = try Data(contentsOf: URL(fileURLWithPath: path))
            for shard in try HubFiles.shards(index: index, subject: "\(cache.reference)") {
                try await fetch(shard)
            }
        }
        // The name of the revision comes last: a reference promises a whole snapshot to no one, but saves a request.
        try cache.record(commit: commit)
        return cache.snapshotPath(commit: commit)
    }

    private struct Listing: Decodable {
        struct Sibling: Decodable { let rfilename: String }
        let sha: String
        let siblings: [Sibling]
    }

    /// The commit of a revision and the names of its files.
    private func listing(
        _ reference: HubReference, session: HubSession
    ) async throws -> (commit: String, names: Set<String>) {
        let path = "/api/models/\(reference.repository)/revision/\(HubDownload.escape(reference.revision))"
        let body = try await session.attempts(at: "\(reference)") {
            let answer = try await session.send(.GET, path: path)
            guard answer.status == .ok else {
                throw HubDownload.failure(
                    answer, subject: "\(reference)", hasToken: configuration.token != nil,
                    endpoint: configuration.endpoint)
            }
            do {
                return try await answer.body.collect(upTo: Hub.listingLimit)
            } catch {
                throw HubError(
                    .unavailable, "\(reference)", "the list of files broke off (\(error)); try again")
            }
        }
        guard let listing = try? JSONDecoder().decode(Listing.self, from: Data(body.readableBytesView)),
            HubReference.isCommit(listing.sha)
        else {
            throw HubError(
                .protocolViolation, "\(reference)",
                "\(configuration.endpoint) sends no list of files; is it a Hugging Face Hub?")
        }
        return (listing.sha, Set(listing.siblings.map(\.rfilename).filter(HubFiles.isPlainName)))
    }
}
