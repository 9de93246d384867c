public import Foundation

/// Where the Hub is, who asks, and where its files are kept: what Hugging Face's environment variables say.
public struct HubConfiguration: Sendable {
    /// `HF_ENDPOINT`, without a slash at the end.
    public var endpoint: String
    /// `HF_TOKEN`, or the content of the token file that `hf auth login` writes. Goes to the endpoint's host only.
    public var token: String?
    /// `HF_HUB_OFFLINE`
    public var isOffline: Bool
    /// The cache that transformers uses too: `HF_HUB_CACHE`, else `HF_HOME`/hub.
    public var cacheDirectory: String
    /// Proxies by scheme, from `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY`.
    public var proxies: HubProxies
    /// How often a broken download is taken up again.
    public var attemptLimit = 6
    /// The wait before the second attempt; it doubles with each further one.
    public var retryDelay = Duration.seconds(1)
    /// How long one attempt to connect may take.
    public var connectTimeout = Duration.seconds(10)
    /// The longest silence of a connection.
    public var readTimeout = Duration.seconds(60)

    public init(
        endpoint: String = "https://huggingface.co", token: String? = nil, isOffline: Bool = false,
        cacheDirectory: String, proxies: HubProxies = HubProxies()
    ) {
        self.endpoint = endpoint
        self.token = token
        self.isOffline = isOffline
        self.cacheDirectory = cacheDirectory
        self.proxies = proxies
    }

    /// Reads the environment.
    ///
    /// - Throws: ``HubError`` with code `.invalid` for an endpoint or proxy that is no http or https URL.
    public init(environment: [String: String] = ProcessInfo.processInfo.environment) throws {
        func value(_ keys: String...) -> String? {
            keys.lazy.compactMap { environment[$0] }.first { !$0.isEmpty }
        }
        let home = value("HOME") ?? "/tmp"
        let cacheHome = value("XDG_CACHE_HOME") ?? home + "/.cache"
        let hubHome = HubConfiguration.expand(value("HF_HOME") ?? cacheHome + "/huggingface", home: home)
        var endpoint = value("HF_ENDPOINT") ?? "https://huggingface.co"
        while endpoint.hasSuffix("/") { endpoint.removeLast() }
        guard let url = URL(string: endpoint), url.scheme == "https" || url.scheme == "http", url.host != nil
        else {
            throw HubError(
                .invalid, "HF_ENDPOINT", "'\(endpoint)' is no http or https URL; correct or unset it")
        }
        let yes: Set = ["1", "ON", "YES", "TRUE"]
        let offline = value("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE") ?? ""
        let cache = value("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE") ?? hubHome + "/hub"
        let tokenPath = HubConfiguration.expand(value("HF_TOKEN_PATH") ?? hubHome + "/token", home: home)
        self.init(
            endpoint: endpoint,
            token: HubConfiguration.token(
                value("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN")
                    ?? (try? String(contentsOfFile: tokenPath, encoding: .utf8))),
            isOffline: yes.contains(offline.uppercased()),
            cacheDirectory: HubConfiguration.expand(cache, home: home),
            proxies: try HubProxies(environment: environment))
    }

    /// A token without the line break that editors leave; nil when nothing usable remains.
    private static func token(_ text: String?) -> String? {
        guard let token = text?.trimmingCharacters(in: .whitespacesAndNewlines), !token.isEmpty,
            token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return nil }
        return token
    }

    private static func expand(_ path: String, home: String) -> String {
        path == "~" || path.hasPrefix("~/") ? home + path.dropFirst() : path
    }
}
