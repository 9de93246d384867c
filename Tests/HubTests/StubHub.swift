import Crypto
import DurableFiles
import Foundation
import Hub
import NIOCore
import NIOHTTP1
import Synchronization

/// A stand-in for the Hub: an endpoint with the repository `org/model`, and a storage on another port for its
/// large files, to which the endpoint redirects.
final class StubHub: Sendable {
    /// What the next requests meet.
    struct Behaviour: Sendable {
        /// The files by name.
        var files: [String: [UInt8]] = [:]
        /// Names of files that lie in the storage.
        var large: Set<String> = []
        /// Bodies to be cut: the number of bytes that still get through, one entry a request.
        var cuts: [String: [Int]] = [:]
        /// Files whose content is not what the digest promises.
        var damaged: Set<String> = []
        /// The only token that is let in.
        var token: String?
        /// An answer for every request to the endpoint.
        var refusal: StubServer.Answer?
        /// Whether the storage honours Range.
        var honoursRange = true
        /// Answers with this status before any good one.
        var busyAnswers = 0
    }

    static let commit = "0123456789abcdef0123456789abcdef01234567"

    let endpoint: StubServer
    let storage: StubServer

    init(_ behaviour: Behaviour) async throws {
        let shared = Shared(behaviour)
        storage = try await StubServer { shared.store($0) }
        let storageURL = storage.url
        endpoint = try await StubServer { shared.answer($0, storageURL: storageURL) }
        self.shared = shared
    }

    private let shared: Shared

    func change(_ body: (inout Behaviour) -> Void) { shared.state.withLock { body(&$0) } }

    func stop() async {
        await endpoint.stop()
        await storage.stop()
    }

    private final class Shared: Sendable {
        let state: Mutex<Behaviour>

        init(_ behaviour: Behaviour) { state = Mutex(behaviour) }

        func answer(_ request: StubServer.Request, storageURL: String) -> StubServer.Answer {
            state.withLock { state in
                if let refusal = state.refusal { return refusal }
                if state.busyAnswers > 0 {
                    state.busyAnswers -= 1
                    return .init(status: .serviceUnavailable)
                }
                if let token = state.token, request.headers.first(name: "authorization") != "Bearer \(token)"
                {
                    return .init(status: .unauthorized, headers: ["x-error-code": "RepoNotFound"])
                }
                let revisions = ["main", "refs%2Fpr%2F1", StubHub.commit]
                if revisions.contains(where: { request.uri == "/api/models/org/model/revision/\($0)" }) {
                    return listing(state)
                }
                let prefixes = revisions.map { "/org/model/resolve/\($0)/" }
                guard let prefix = prefixes.first(where: request.uri.hasPrefix),
                    let name = String(request.uri.dropFirst(prefix.count)).removingPercentEncoding,
                    let bytes = state.files[name]
                else { return .init(status: .notFound, headers: ["x-error-code": "RepoNotFound"]) }
                var headers: HTTPHeaders = ["x-repo-commit": StubHub.commit]
                guard state.large.contains(name) else {
                    headers.add(name: "etag", value: "W/\"\(gitDigest(bytes))\"")
                    headers.add(name: "content-length", value: String(bytes.count))
                    return body(name, bytes, request, headers, &state)
                }
                headers.add(name: "x-linked-etag", value: "\"\(Digest.sha256(bytes).hex)\"")
                headers.add(name: "x-linked-size", value: String(bytes.count))
                headers.add(name: "location", value: "\(storageURL)/blobs/\(name)?signature=x")
                return .init(status: .found, headers: headers)
            }
        }

        func store(_ request: StubServer.Request) -> StubServer.Answer {
            state.withLock { state in
                let name = String(request.uri.dropFirst("/blobs/".count).prefix { $0 != "?" })
                guard let bytes = state.files[name] else { return .init(status: .notFound) }
                return body(name, bytes, request, [:], &state)
            }
        }

        private func body(
            _ name: String, _ bytes: [UInt8], _ request: StubServer.Request, _ headers: HTTPHeaders,
            _ state: inout Behaviour
        ) -> StubServer.Answer {
            var bytes = bytes
            if state.damaged.contains(name) { bytes[0] ^= 1 }
            var answer = StubServer.Answer(headers: headers, body: bytes)
            if state.honoursRange, let range = request.headers.first(name: "range"),
                let start = Int(range.dropFirst("bytes=".count).dropLast())
            {
                answer.status = .partialContent
                answer.body = Array(bytes[start...])
                answer.headers.replaceOrAdd(name: "content-length", value: String(answer.body.count))
                answer.headers.add(
                    name: "content-range", value: "bytes \(start)-\(bytes.count - 1)/\(bytes.count)")
            }
            if request.method == .GET, let cut = state.cuts[name]?.first {
                state.cuts[name]?.removeFirst()
                answer.cutAfter = cut
            }
            return answer
        }

        private func listing(_ state: Behaviour) -> StubServer.Answer {
            let siblings = state.files.keys.sorted().map { "{\"rfilename\": \"\($0)\"}" }.joined(
                separator: ",")
            return .init(body: Array("{\"sha\": \"\(StubHub.commit)\", \"siblings\": [\(siblings)]}".utf8))
        }
    }
}

/// The name git gives a blob.
func gitDigest(_ bytes: [UInt8]) -> String {
    Insecure.SHA1.hash(data: Data("blob \(bytes.count)\0".utf8) + Data(bytes))
        .map { String($0 >> 4, radix: 16) + String($0 & 15, radix: 16) }.joined()
}
