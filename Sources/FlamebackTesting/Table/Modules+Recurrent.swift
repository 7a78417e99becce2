import Flameback
import FlamebackCore

extension ModuleTable {
  static let recurrent: [String: Entry] = [:]
}
