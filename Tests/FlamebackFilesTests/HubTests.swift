import FlamebackFiles
import Foundation
import Testing

@Suite struct HubTests {
  /// A hub with one repository of two files, one of them large ("LFS") and kept elsewhere, as the real one does.
  private final class FakeHub: @unchecked Sendable {
    // Unchecked: what changes is changed between requests only.
    static let commit = String(repeating: "0123456789", count: 4)
    let small = Array("{\"hidden_size\": 4}".utf8)
    let large = (0..<300_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
    var isGone = false
    var cutsFirst = false
    private(set) var server: LoopbackServer!

    init() {
      server = LoopbackServer { [unowned self] count, request in self.answer(request) }
    }

    var endpoint: String { "http://127.0.0.1:\(server.port)" }
    var requests: [String] { server.requests.map { String($0.prefix { $0 != "\r" }) } }

    private func response(_ status: String, _ headers: [String], _ body: [UInt8] = [], length: Int? = nil) -> [UInt8] {
      let lines = ["HTTP/1.1 \(status)", "Content-Length: \(length ?? body.count)", "Connection: close"] + headers
      return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + body
    }

    private func answer(_ request: String) -> [UInt8] {
      if isGone { return [] }
      let words = request.split(separator: " ")
      let (method, path) = (words[0], words[1])
      let version = "X-Repo-Commit: \(Self.commit)"
      if path.hasPrefix("/api/models/org/tiny/revision/") {
        let list: JSON = [
          "sha": .string(Self.commit),
          "siblings": [["rfilename": "config.json"], ["rfilename": "sub/weights.bin"], ["rfilename": "README.md"]],
        ]
        return response("200 OK", ["Content-Type: application/json"], Array(list.text().utf8))
      }
      if path.hasSuffix("/config.json") {
        let tag = "ETag: \"\(Digest.sha1Blob(small))\""
        return response("200 OK", [version, tag], method == "HEAD" ? [] : small, length: small.count)
      }
      if path.hasSuffix("/sub/weights.bin") {
        let headers = [
          version, "X-Linked-Etag: \"\(Digest.sha256(large))\"", "X-Linked-Size: \(large.count)",
          "Location: http://localhost:\(server.port)/store",
        ]
        return response("302 Found", headers)
      }
      if path == "/store" {
        if request.contains("Authorization") { return response("400 Secret", []) }
        guard let range = request.range(of: "Range: bytes=") else {
          let whole = response("200 OK", [], large)
          return cutsFirst ? Array(whole.prefix(100_000)) : whole
        }
        let start = Int(request[range.upperBound...].prefix { $0.isNumber })!
        return response(
          "206 Partial Content", ["Content-Range: bytes \(start)-\(large.count - 1)/\(large.count)"],
          Array(large[start...]))
      }
      return response("404 Not Found", [])
    }
  }

  private func hub(_ fake: FakeHub, _ folder: String) -> Hub {
    Hub(environment: ["HF_HUB_CACHE": folder, "HF_ENDPOINT": fake.endpoint, "HF_TOKEN": "secret"])
  }

  private let storage = "models--org--tiny"

  @Test func aFileComesIntoTheCacheOnce() throws {
    try withFolder { folder in
      let fake = FakeHub()
      let hub = hub(fake, folder)
      let path = try hub.file("org/tiny", "config.json")
      #expect(path == "\(folder)/\(storage)/snapshots/\(FakeHub.commit)/config.json")
      #expect(try FileBytes(mapping: path).array == fake.small)
      let link = try FileManager.default.destinationOfSymbolicLink(atPath: path)
      #expect(link == "../../blobs/\(Digest.sha1Blob(fake.small))")
      #expect(try FileBytes(mapping: "\(folder)/\(storage)/refs/main").array == Array(FakeHub.commit.utf8))
      _ = try hub.file("org/tiny", "config.json")
      #expect(fake.requests.filter { $0.hasPrefix("GET") }.count == 1)
      // A commit does not change: no question is asked.
      let before = fake.requests.count
      #expect(try hub.file("org/tiny", "config.json", revision: FakeHub.commit) == path)
      #expect(fake.requests.count == before)
    }
  }

  @Test func aSnapshotWithALargeFileThatTheConnectionLost() throws {
    try withFolder { folder in
      let fake = FakeHub()
      fake.cutsFirst = true
      let path = try hub(fake, folder).snapshot("org/tiny", files: { $0.filter { !$0.hasSuffix(".md") } })
      #expect(try FileBytes(mapping: path + "/sub/weights.bin").array == fake.large)
      let link = try FileManager.default.destinationOfSymbolicLink(atPath: path + "/sub/weights.bin")
      #expect(link == "../../../blobs/\(Digest.sha256(fake.large))")
      #expect(!FileManager.default.fileExists(atPath: path + "/README.md"))
      let blobs = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(storage)/blobs")
      #expect(blobs.count == 2 && !blobs.contains { $0.hasSuffix(".incomplete") })
    }
  }

  @Test func withoutANetworkTheCacheServes() throws {
    try withFolder { folder in
      let fake = FakeHub()
      var hub = hub(fake, folder)
      let path = try hub.file("org/tiny", "config.json")
      fake.isGone = true
      #expect(try hub.file("org/tiny", "config.json") == path)
      #expect(throws: FileError.self) { try hub.file("org/tiny", "other.json") }
      let asked = fake.requests.count
      hub.isOffline = true
      #expect(try hub.file("org/tiny", "config.json") == path)
      #expect(try hub.snapshot("org/tiny") == (path as NSString).deletingLastPathComponent)
      let error = #expect(throws: FileError.self) { try hub.file("org/tiny", "other.json") }
      #expect(error?.message.contains("switched off") == true)
      #expect(fake.requests.count == asked)
    }
  }

  @Test func damagedContentIsNotKept() throws {
    try withFolder { folder in
      let server = LoopbackServer { _, request in
        let head =
          "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\nX-Repo-Commit: \(FakeHub.commit)\r\n"
          + "ETag: \"\(String(repeating: "a", count: 64))\"\r\n\r\n"
        return Array(head.utf8) + (request.hasPrefix("HEAD") ? [] : [1, 2, 3])
      }
      let hub = Hub(environment: ["HF_HUB_CACHE": folder, "HF_ENDPOINT": "http://127.0.0.1:\(server.port)"])
      let error = #expect(throws: FileError.self) { try hub.file("org/tiny", "x.bin") }
      #expect(error?.message.contains("checksum") == true)
      let blobs = try FileManager.default.contentsOfDirectory(atPath: "\(folder)/\(storage)/blobs")
      #expect(blobs.isEmpty)
    }
  }

  @Test func namesThatLeaveTheCacheAreRefused() throws {
    try withFolder { folder in
      let fake = FakeHub()
      let hub = hub(fake, folder)
      for (repository, name, revision) in [
        ("../x", "a", "main"), ("a/b/c", "a", "main"), ("", "a", "main"), ("org/tiny", "../a", "main"),
        ("org/tiny", "/etc/x", "main"), ("org/tiny", "a/../../b", "main"), ("org/tiny", "a", "../main"),
        ("org/tiny", "", "main"), ("org--x/tiny", "a", "main"),
      ] {
        #expect(throws: FileError.self) { try hub.file(repository, name, revision: revision) }
      }
      #expect(fake.requests.isEmpty)
      let missing = #expect(throws: FileError.self) { try hub.file("org/tiny", "nothing.bin") }
      #expect(missing?.message == "the server does not have it")
    }
  }

  @Test func theEnvironmentSaysWhere() {
    #expect(Hub(environment: ["HOME": "/h"]).cache == "/h/.cache/huggingface/hub")
    #expect(Hub(environment: ["HOME": "/h", "XDG_CACHE_HOME": "/c"]).cache == "/c/huggingface/hub")
    #expect(Hub(environment: ["HOME": "/h", "HF_HOME": "~/x"]).cache == "/h/x/hub")
    #expect(Hub(environment: ["HF_HOME": "/y", "HF_HUB_CACHE": "/z"]).cache == "/z")
    #expect(Hub(environment: ["HF_HUB_OFFLINE": "1"]).isOffline)
    #expect(!Hub(environment: ["HF_HUB_OFFLINE": "0"]).isOffline)
    #expect(Hub(environment: ["HF_ENDPOINT": "http://x/"]).endpoint == "http://x")
  }
}

extension Digest {
  /// Git's name for content, from its definition.
  static func sha1Blob(_ bytes: [UInt8]) -> String { Digest.gitBlob(FileBytes(bytes)) }
}
