import Foundation
import Hub
import Testing

@Suite struct HubConfigurationTests {
    @Test func readsTheVariablesOfHuggingFace() throws {
        let plain = try HubConfiguration(environment: ["HOME": "/home/x"])
        #expect(plain.endpoint == "https://huggingface.co")
        #expect(plain.cacheDirectory == "/home/x/.cache/huggingface/hub")
        #expect(plain.token == nil && !plain.isOffline)
        let set = try HubConfiguration(environment: [
            "HOME": "/home/x", "HF_HOME": "~/hf", "HF_ENDPOINT": "https://mirror.example/",
            "HF_TOKEN": " hf_a\n",
            "HF_HUB_OFFLINE": "true",
        ])
        #expect(set.endpoint == "https://mirror.example")
        #expect(set.cacheDirectory == "/home/x/hf/hub")
        #expect(set.token == "hf_a" && set.isOffline)
        let cache = try HubConfiguration(environment: [
            "HF_HUB_CACHE": "/c", "XDG_CACHE_HOME": "/y", "HF_HUB_OFFLINE": "0",
        ])
        #expect(cache.cacheDirectory == "/c" && !cache.isOffline)
        #expect(
            try HubConfiguration(environment: ["XDG_CACHE_HOME": "/y"]).cacheDirectory == "/y/huggingface/hub"
        )
    }

    @Test func takesTheTokenOfALogIn() throws {
        let path = FileManager.default.temporaryDirectory.path + "/shoal-token-" + UUID().uuidString
        try "hf_file\n".write(toFile: path, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: path) }
        #expect(try HubConfiguration(environment: ["HF_TOKEN_PATH": path]).token == "hf_file")
        #expect(
            try HubConfiguration(environment: ["HF_TOKEN_PATH": path, "HF_TOKEN": "hf_a"]).token == "hf_a")
    }

    @Test(arguments: ["ftp://x", "not a url", "/path"]) func anEndpointThatIsNoURLIsNamed(_ endpoint: String)
    {
        let error = #expect(throws: HubError.self) {
            try HubConfiguration(environment: ["HF_ENDPOINT": endpoint])
        }
        #expect(error?.message.contains("HF_ENDPOINT") == true)
    }

    @Test func proxiesFollowSchemeAndExceptions() throws {
        let proxies = try HubProxies(environment: [
            "HTTPS_PROXY": "http://user:pass@proxy.example:3128", "https_proxy": "",
            "no_proxy": ".local,exact.org:8443",
        ])
        func host(_ text: String) throws -> String? {
            proxies.server(for: try #require(URL(string: text)))?.host
        }
        let server = proxies.server(for: try #require(URL(string: "https://huggingface.co/x")))
        #expect(server?.host == "proxy.example" && server?.port == 3128)
        #expect(server?.basicCredentials == Data("user:pass".utf8).base64EncodedString())
        #expect(try host("http://huggingface.co") == nil)
        #expect(try host("https://a.local") == nil)
        #expect(try host("https://notlocal") == "proxy.example")
        #expect(try host("https://exact.org:8443/x") == nil)
        #expect(try host("https://exact.org/x") == "proxy.example")
        let none = try HubProxies(environment: ["ALL_PROXY": "proxy:80", "NO_PROXY": "*"])
        #expect(none.server(for: try #require(URL(string: "https://huggingface.co"))) == nil)
        #expect(throws: HubError.self) { try HubProxies(environment: ["HTTPS_PROXY": "socks5://x"]) }
    }

    @Test func referencesAreIdsAndNothingElse() {
        #expect(HubReference("org/model")?.revision == "main")
        #expect(HubReference("org/model@refs/pr/1")?.revision == "refs/pr/1")
        #expect(HubReference("Qwen/Qwen2.5-0.5B@v1.0")?.repository == "Qwen/Qwen2.5-0.5B")
        for text in [
            "model", "/abs/path", "./model", "../model", "org/../x", "a/b/c", "org/model@", "org/model@../x",
            "org/",
            "org/mo del", "org/model@a//b", "org/.hidden", "~/model",
        ] {
            #expect(HubReference(text) == nil, "\(text)")
        }
    }
}
