import Foundation
import Testing

@testable import FlamebackFiles

@Suite struct WebTransferTests {
  private static func answer(_ status: String, _ headers: [String] = [], _ body: String = "") -> [UInt8] {
    let lines = ["HTTP/1.1 \(status)", "Content-Length: \(body.utf8.count)", "Connection: close"] + headers
    return Array((lines.joined(separator: "\r\n") + "\r\n\r\n" + body).utf8)
  }

  private static func path(_ request: String) -> String { String(request.split(separator: " ")[1]) }

  /// Answers `/here` and `/there` with a redirection within the host and to another one.
  private static func server() -> LoopbackServer {
    LoopbackServer { _, request in
      let host = request.split(separator: "\r\n").first { $0.hasPrefix("Host:") }!.split(separator: ":").last!
      switch path(request) {
      case "/here": return answer("302 Found", ["location: end%20a?b=%2F"], "moved")
      case "/there": return answer("307 Temporary Redirect", ["Location: http://localhost:\(host)/back"])
      case "/back": return answer("301 Moved", ["Location: http://127.0.0.1:\(host)/end"])
      case "/file": return answer("302 Found", ["Location: file:///etc/hostname"])
      case "/round": return answer("302 Found", ["Location: /round"])
      case "/early":
        return Array("HTTP/1.1 103 Early Hints\r\nX-A: 0\r\n\r\n".utf8) + answer("200 OK", ["x-a:  1 "], "early")
      case "/cut": return Array("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf".utf8)
      default: return answer("200 OK", [], "end")
      }
    }
  }

  private func send(
    _ server: LoopbackServer, _ path: String, _ method: WebRequest.Method = .get, limit: Int = 100
  ) throws -> WebRequest.Answer {
    let headers = ["authorization": "Bearer secret", "User-Agent": "test"]
    return try WebRequest.send(method, "http://127.0.0.1:\(server.port)\(path)", headers: headers, limit: limit)
  }

  @Test func redirectionsWithinTheHostAreFollowed() throws {
    let server = Self.server()
    let answer = try send(server, "/here")
    #expect(answer.status == 200 && answer.body == Array("end".utf8))
    #expect(server.requests.map(Self.path) == ["/here", "/end%20a?b=%2F"])
    #expect(server.requests.allSatisfy { $0.contains("secret") && $0.contains("Accept-Encoding: identity") })
    #expect(server.requests.allSatisfy { $0.contains("User-Agent: test") })
    #expect(try send(server, "/here", .head).status == 200)
    #expect(server.requests.suffix(2).allSatisfy { $0.hasPrefix("HEAD ") })
  }

  @Test func redirectionsElsewhereAreTheAnswer() throws {
    let server = Self.server()
    let there = try send(server, "/there")
    #expect(there.status == 307 && there.header("LOCATION")?.hasSuffix("/back") == true)
    let file = try send(server, "/file")
    #expect(file.status == 302)
    #expect(server.requests.count == 2)
  }

  @Test func secretsStayWithTheFirstHost() throws {
    let server = Self.server()
    try withFolder { folder in
      let url = "http://127.0.0.1:\(server.port)/there"
      try Download(url, headers: ["Authorization": "Bearer secret", "X-Other": "x"]).fetch(to: folder)
      #expect(server.requests.map(Self.path) == ["/there", "/back", "/end"])
      #expect(server.requests.map { $0.contains("secret") } == [true, false, false])
      #expect(server.requests.allSatisfy { $0.contains("X-Other: x") })
    }
  }

  @Test func onlyTheLastHeadCounts() throws {
    let answer = try send(Self.server(), "/early")
    #expect(answer.status == 200 && answer.header("X-A") == "1" && answer.body == Array("early".utf8))
  }

  @Test func whatGoesWrongIsOneSentence() throws {
    let server = Self.server()
    func message(_ path: String, limit: Int = 100) -> String? {
      #expect(throws: FileError.self) { try send(server, path, limit: limit) }?.message
    }
    #expect(message("/round") == "cannot download the file: the server sends from one address to the next")
    #expect(message("/cut") == "cannot download the file: the connection was lost")
    #expect(message("/", limit: 2) == "the answer is longer than 2 bytes")
    let broken = #expect(throws: FileError.self) {
      try WebRequest.send(.get, server.address, headers: ["Authorization": "a\r\nb"])
    }
    #expect(broken?.message == "cannot download the file: the header Authorization holds a line break")
    let nobody = #expect(throws: FileError.self) { try WebRequest.send(.get, "http://nobody.invalid/x", headers: [:]) }
    #expect(nobody?.message == "cannot download the file: there is no network, or no such host")
  }

  @Test func manyThreadsAskAtOnce() throws {
    let servers = (0..<4).map { _ in Self.server() }
    DispatchQueue.concurrentPerform(iterations: 40) { i in
      #expect((try? send(servers[i % 4], "/here").body) == Array("end".utf8))
    }
  }
}
