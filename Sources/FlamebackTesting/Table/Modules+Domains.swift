import Flameback
import FlamebackCore

extension ModuleTable {
  static let domains: [String: Entry] = [:]
}
