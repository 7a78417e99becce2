import FoundationEssentials

/// A short question to a web server, answered as a whole.
enum WebRequest {
  struct Answer {
    var head = WebTransfer.Head()
    var body: [UInt8] = []

    var status: Int { head.status }
    func header(_ name: String) -> String? { head.value(name) }
  }

  enum Method { case get, head }

  /// Follows redirections within the host only: answers that send elsewhere are the answer.
  static func send(
    _ method: Method, _ url: String, headers: [String: String], limit: Int = 64 << 20
  ) throws(FileError) -> Answer {
    guard let address = URL(string: url), let scheme = address.scheme, ["http", "https"].contains(scheme) else {
      throw FileError(path: url, "it is no web address")
    }
    var transfer = WebTransfer(address, headers)
    transfer.isHeadOnly = method == .head
    transfer.follows = { $0.host == address.host && $0.port == address.port }
    var answer = Answer()
    do {
      try transfer.run { head in
        answer.head = head
        return true
      } data: { bytes in
        answer.body += bytes
        return answer.body.count <= limit
      }
    } catch { throw error.error }
    if answer.body.count > limit { throw FileError(path: url, "the answer is longer than \(limit) bytes") }
    return answer
  }
}
