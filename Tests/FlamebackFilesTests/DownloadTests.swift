import FlamebackFiles
import Foundation
import Testing

/// A web server on the loopback device that answers each connection as told.
final class LoopbackServer: @unchecked Sendable {
  // Unchecked: `requests` is only touched under the lock.
  private let socketDescriptor: Int32
  let port: UInt16
  private let lock = NSLock()
  private var seen: [String] = []

  var requests: [String] { lock.withLock { seen } }
  var address: String { "http://127.0.0.1:\(port)/data.bin" }

  /// `answer` gets the number of the request and its text, and returns all bytes to send before hanging up.
  init(_ answer: @escaping @Sendable (Int, String) -> [UInt8]) {
    socketDescriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
    var name = sockaddr_in()
    name.sin_family = sa_family_t(AF_INET)
    name.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
    var length = socklen_t(MemoryLayout<sockaddr_in>.size)
    let descriptor = socketDescriptor
    withUnsafeMutablePointer(to: &name) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        _ = bind(descriptor, $0, length)
        listen(descriptor, 8)
        getsockname(descriptor, $0, &length)
      }
    }
    port = UInt16(bigEndian: name.sin_port)
    Thread.detachNewThread { [self] in
      var count = 0
      while true {
        let connection = accept(descriptor, nil, nil)
        if connection < 0 { return }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let n = max(recv(connection, &buffer, buffer.count, 0), 0)
        let request = String(decoding: buffer[..<n], as: UTF8.self)
        lock.withLock { seen.append(request) }
        let bytes = answer(count, request)
        var sent = 0
        while sent < bytes.count {
          let k = bytes.withUnsafeBytes {
            send(connection, $0.baseAddress! + sent, bytes.count - sent, Int32(MSG_NOSIGNAL))
          }
          if k <= 0 { break }
          sent += k
        }
        shutdown(connection, Int32(SHUT_RDWR))
        close(connection)
        count += 1
      }
    }
  }

  deinit {
    shutdown(socketDescriptor, Int32(SHUT_RDWR))
    close(socketDescriptor)
  }
}

@Suite struct DownloadTests {
  private static let content = (0..<200_000).map { UInt8(truncatingIfNeeded: $0 &* 31) }
  private static let digest = Download.Checksum.sha256(Digest.sha256(content))

  private static func response(_ status: String, _ body: [UInt8], length: Int? = nil, _ more: String = "") -> [UInt8] {
    Array("HTTP/1.1 \(status)\r\nContent-Length: \(length ?? body.count)\r\n\(more)Connection: close\r\n\r\n".utf8)
      + body
  }

  /// A server that can continue from any byte.
  private static func serve(_ request: String) -> [UInt8] {
    guard let range = request.range(of: "Range: bytes=") else { return response("200 OK", content) }
    let start = Int(request[range.upperBound...].prefix { $0.isNumber })!
    return response(
      "206 Partial Content", Array(content[start...]),
      "Content-Range: bytes \(start)-\(content.count - 1)/\(content.count)\r\n")
  }

  @Test func aFileIsFetchedOnce() throws {
    let server = LoopbackServer { _, request in Self.serve(request) }
    try withFolder { folder in
      let download = Download(server.address, checksum: Self.digest)
      let path = try download.fetch(to: folder)
      #expect(path == folder + "/data.bin")
      #expect(try FileBytes(mapping: path).array == Self.content)
      try download.fetch(to: folder)
      #expect(server.requests.count == 1)
      // A damaged file is fetched again.
      try AtomicFile.write([1, 2, 3], to: path)
      try download.fetch(to: folder)
      #expect(try FileBytes(mapping: path).array == Self.content)
    }
  }

  @Test func aLostConnectionIsContinued() throws {
    let server = LoopbackServer { count, request in
      count == 0
        ? Self.response("200 OK", Array(Self.content[..<70_000]), length: Self.content.count) : Self.serve(request)
    }
    try withFolder { folder in
      let path = try Download(server.address, checksum: Self.digest).fetch(to: folder)
      #expect(try FileBytes(mapping: path).array == Self.content)
      #expect(server.requests.count == 2)
      #expect(server.requests[1].contains("Range: bytes=69999-"))
    }
  }

  @Test func aPartOfAnEarlierRunIsContinued() throws {
    let server = LoopbackServer { _, request in Self.serve(request) }
    try withFolder { folder in
      for length in [1, 100_000, Self.content.count] {
        try AtomicFile.write(Array(Self.content[..<length]), to: folder + "/data.bin.part")
        let path = try Download(server.address, checksum: Self.digest).fetch(to: folder)
        #expect(try FileBytes(mapping: path).array == Self.content)
        unlink(path)
      }
      #expect(server.requests.allSatisfy { $0.contains("Range: bytes=") })
    }
  }

  @Test func aServerWithoutRangesStartsAnew() throws {
    let server = LoopbackServer { _, _ in Self.response("200 OK", Self.content) }
    try withFolder { folder in
      try AtomicFile.write([9, 9, 9], to: folder + "/data.bin.part")
      let path = try Download(server.address, checksum: Self.digest).fetch(to: folder)
      #expect(try FileBytes(mapping: path).array == Self.content)
    }
  }

  @Test func aWrongChecksumLeavesNothing() throws {
    let server = LoopbackServer { _, request in Self.serve(request) }
    try withFolder { folder in
      let error = #expect(throws: FileError.self) {
        try Download(server.address, checksum: .md5("00000000000000000000000000000000")).fetch(to: folder)
      }
      #expect(error?.message.contains("checksum") == true)
      let left = try FileManager.default.contentsOfDirectory(atPath: folder)
      #expect(left.isEmpty)
    }
  }

  @Test func whatCannotBeFetchedIsOneSentence() throws {
    let server = LoopbackServer { _, _ in Self.response("404 Not Found", []) }
    try withFolder { folder in
      let missing = #expect(throws: FileError.self) { try Download(server.address).fetch(to: folder) }
      #expect(missing?.message == "the server answers 404")
      #expect(server.requests.count == 1)
      // Nobody listens on port 1.
      let offline = #expect(throws: FileError.self) { try Download("http://127.0.0.1:1/x").fetch(to: folder) }
      #expect(offline?.message == "cannot download the file: the server cannot be reached")
      #expect(throws: FileError.self) { try Download("ftp://x/y").fetch(to: folder) }
    }
  }
}
