import FoundationEssentials
import Glibc

/// Files of the Hugging Face hub, in the cache that its own programs use: what they fetched is not fetched again.
///
///     let folder = try Hub().snapshot("sentence-transformers/all-MiniLM-L6-v2")
///
/// The environment is obeyed as there: `HF_HUB_CACHE`, `HF_HOME`, `HF_ENDPOINT`, `HF_HUB_OFFLINE`, `HF_TOKEN`.
/// SeeAlso: huggingface_hub
public struct Hub: Sendable {
  /// The cache's folder; it holds `models--org--name/{blobs,refs,snapshots}`.
  public var cache: String
  /// The server.
  public var endpoint: String
  /// Whether the network is left alone.
  public var isOffline: Bool
  /// Sent to the server, to no other host.
  public var token: String?

  public enum Kind: String, Sendable {
    case model, dataset, space

    var folder: String { "\(rawValue)s" }
    /// What stands before the name in addresses.
    var prefix: String { self == .model ? "" : "\(rawValue)s/" }
  }

  public init(environment: [String: String] = ProcessInfo.processInfo.environment) {
    func value(_ name: String) -> String? { environment[name].flatMap { $0.isEmpty ? nil : $0 } }
    func path(_ text: String) -> String {
      text.hasPrefix("~/") ? (value("HOME") ?? "") + text.dropFirst() : text
    }
    let base = value("XDG_CACHE_HOME") ?? (value("HOME") ?? ".") + "/.cache"
    let home = path(value("HF_HOME") ?? "\(base)/huggingface")
    cache = path(value("HF_HUB_CACHE") ?? value("HUGGINGFACE_HUB_CACHE") ?? "\(home)/hub")
    endpoint = value("HF_ENDPOINT") ?? "https://huggingface.co"
    while endpoint.hasSuffix("/") { endpoint.removeLast() }
    let switches = [value("HF_HUB_OFFLINE"), value("TRANSFORMERS_OFFLINE")].compactMap { $0?.uppercased() }
    isOffline = switches.contains { ["1", "ON", "YES", "TRUE"].contains($0) }
    token = value("HF_TOKEN")
  }

  // MARK: Files

  /// The path of one file in the cache; it is fetched if it is not there. Without a network the cached one is taken.
  ///
  /// SeeAlso: huggingface_hub.hf_hub_download
  public func file(
    _ repository: String, _ name: String, revision: String = "main", kind: Kind = .model,
    progress: (@Sendable (_ done: Int, _ total: Int?) -> Void)? = nil
  ) throws(FileError) -> String {
    let storage = try storage(repository, kind)
    guard Self.isSafe(name) else { throw FileError(path: name, "it is no name of a file in a repository") }
    guard Self.isSafe(revision) else { throw FileError(path: revision, "it is no revision") }
    let cached = commit(storage, revision).map { "\(storage)/snapshots/\($0)/\(name)" }.flatMap(existing)
    if isOffline || Self.isCommit(revision), let cached { return cached }
    let url = address(repository, name, revision, kind)
    if isOffline { throw FileError(path: url, "the file is not in the cache \(cache), and the hub is switched off") }
    let answer: WebRequest.Answer
    do { answer = try WebRequest.send(.head, url, headers: headers) } catch {
      if let cached { return cached }
      throw error
    }
    guard (200..<400).contains(answer.status) else { throw refusal(url, answer.status) }
    guard let commit = answer.header("X-Repo-Commit"), Self.isCommit(commit),
      let tag = (answer.header("X-Linked-Etag") ?? answer.header("ETag")).flatMap(Self.plainTag)
    else { throw FileError(path: url, "the server does not say which version the file has") }
    try note(storage, revision, commit)
    let pointer = "\(storage)/snapshots/\(commit)/\(name)"
    if let path = existing(pointer) { return path }
    try fetch(url, tag, storage, kind, repository, progress)
    try link(pointer, to: tag, depth: name.split(separator: "/").count)
    return pointer
  }

  /// The folder of a repository's files at a revision; `files` chooses among their names.
  ///
  /// SeeAlso: huggingface_hub.snapshot_download
  public func snapshot(
    _ repository: String, revision: String = "main", kind: Kind = .model,
    files choose: (_ names: [String]) -> [String] = { $0 },
    progress: (@Sendable (_ name: String, _ done: Int, _ total: Int?) -> Void)? = nil
  ) throws(FileError) -> String {
    let storage = try storage(repository, kind)
    guard Self.isSafe(revision) else { throw FileError(path: revision, "it is no revision") }
    let cached = commit(storage, revision).map { "\(storage)/snapshots/\($0)" }.flatMap(existing)
    let url = "\(endpoint)/api/\(kind.folder)/\(repository)/revision/\(Self.escaped(revision, keepsSlashes: false))"
    if isOffline {
      if let cached { return cached }
      throw FileError(path: url, "'\(repository)' is not in the cache \(cache), and the hub is switched off")
    }
    let answer: WebRequest.Answer
    do { answer = try WebRequest.send(.get, url, headers: headers) } catch {
      if let cached { return cached }
      throw error
    }
    guard answer.status == 200 else { throw refusal(url, answer.status) }
    let memory = FileBytes(answer.body)
    let list = try JSON(parsing: memory.bytes, path: url)
    withExtendedLifetime(memory) {}
    guard let commit = list["sha"]?.string, Self.isCommit(commit), let siblings = list["siblings"]?.array else {
      throw FileError(path: url, "the server's list of files cannot be read")
    }
    try note(storage, revision, commit)
    for name in choose(siblings.compactMap { $0["rfilename"]?.string }) {
      _ = try file(repository, name, revision: commit, kind: kind) { progress?(name, $0, $1) }
    }
    return "\(storage)/snapshots/\(commit)"
  }

  // MARK: The cache

  private func storage(_ repository: String, _ kind: Kind) throws(FileError) -> String {
    let parts = repository.split(separator: "/", omittingEmptySubsequences: false)
    guard (1...2).contains(parts.count), parts.allSatisfy({ Self.isSafe(String($0)) && !$0.contains("--") }) else {
      throw FileError(path: repository, "it is no name of a repository, such as org/name")
    }
    return "\(cache)/\(kind.folder)--" + parts.joined(separator: "--")
  }

  /// The commit that a revision was when it was last asked for.
  private func commit(_ storage: String, _ revision: String) -> String? {
    if Self.isCommit(revision) { return revision }
    guard let file = try? FileBytes(mapping: "\(storage)/refs/\(revision)"), file.count <= 100 else { return nil }
    let text = String(decoding: file.array, as: UTF8.self).trimmed()
    return Self.isCommit(text) ? text : nil
  }

  private func note(_ storage: String, _ revision: String, _ commit: String) throws(FileError) {
    guard revision != commit, self.commit(storage, revision) != commit else { return }
    let path = "\(storage)/refs/\(revision)"
    try makeFolder(path.deletingLastPathComponent)
    try AtomicFile.write(Array(commit.utf8), to: path)
  }

  /// Fetches the content of that tag, alone: other processes wait for it.
  private func fetch(
    _ url: String, _ tag: String, _ storage: String, _ kind: Kind, _ repository: String,
    _ progress: (@Sendable (Int, Int?) -> Void)?
  ) throws(FileError) {
    let blobs = "\(storage)/blobs"
    let locks = "\(cache)/.locks/" + storage.lastPathComponent
    try makeFolder(blobs)
    try makeFolder(locks)
    let lock = open("\(locks)/\(tag).lock", O_RDWR | O_CREAT | O_CLOEXEC, 0o644)
    guard lock >= 0 else { throw FileError.system("\(locks)/\(tag).lock", "write the file") }
    defer { close(lock) }
    while flock(lock, LOCK_EX) != 0 {
      guard errno == EINTR else { throw FileError.system("\(locks)/\(tag).lock", "lock the file") }
    }
    if existing("\(blobs)/\(tag)") != nil { return }
    var download = Download(url, fileName: tag, headers: headers)
    download.partialSuffix = ".incomplete"
    // The hub's tags of large files are their SHA-256, those of small ones git's name for them.
    if Self.isHex(tag, 64) { download.checksum = .sha256(tag) }
    if Self.isHex(tag, 40) { download.checksum = .gitBlob(tag) }
    try download.fetch(to: blobs, progress: progress)
  }

  private func link(_ pointer: String, to tag: String, depth: Int) throws(FileError) {
    try makeFolder(pointer.deletingLastPathComponent)
    let target = String(repeating: "../", count: depth + 1) + "blobs/\(tag)"
    let temporary = "\(pointer).\(getpid()).\(UInt32.random(in: 0 ... .max)).tmp"
    guard symlink(target, temporary) == 0, rename(temporary, pointer) == 0 else {
      defer { unlink(temporary) }
      throw FileError.system(pointer, "write the file")
    }
  }

  private func existing(_ path: String) -> String? { FileManager.default.fileExists(atPath: path) ? path : nil }

  private func makeFolder(_ path: String) throws(FileError) {
    do { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) } catch {
      throw FileError(path: path, "the folder cannot be made")
    }
  }

  // MARK: The server

  private var headers: [String: String] {
    var headers = ["User-Agent": "flameback"]
    if let token { headers["Authorization"] = "Bearer \(token)" }
    return headers
  }

  private func address(_ repository: String, _ name: String, _ revision: String, _ kind: Kind) -> String {
    "\(endpoint)/\(kind.prefix)\(repository)/resolve/\(Self.escaped(revision, keepsSlashes: false))/\(Self.escaped(name))"
  }

  private func refusal(_ url: String, _ status: Int) -> FileError {
    switch status {
    case 401, 403: FileError(path: url, "the server refuses it: it does not exist, or needs a token in HF_TOKEN")
    case 404: FileError(path: url, "the server does not have it")
    default: FileError(path: url, "the server answers \(status)")
    }
  }

  private static func escaped(_ text: String, keepsSlashes: Bool = true) -> String {
    let plain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~" + (keepsSlashes ? "/" : "")
    return text.utf8.map { byte in
      plain.utf8.contains(byte)
        ? String(UnicodeScalar(byte))
        : "%" + String(byte, radix: 16, uppercase: true).aligned(right: 2, filledWith: "0")
    }.joined()
  }

  private static func isCommit(_ text: String) -> Bool { isHex(text, 40) }

  private static func isHex(_ text: String, _ count: Int) -> Bool {
    text.utf8.count == count && text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
  }

  /// A tag without quotes that may be a file's name.
  private static func plainTag(_ text: String) -> String? {
    var text = text
    if text.hasPrefix("W/") { text.removeFirst(2) }
    text = text.trimmed { $0 == "\"" }
    return (1...200).contains(text.utf8.count) && !text.contains("/") && isSafe(text) ? text : nil
  }

  /// A relative path that stays in its folder.
  private static func isSafe(_ name: String) -> Bool {
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    return name.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x5C && $0 != 0x7F }
      && parts.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." }
  }
}
