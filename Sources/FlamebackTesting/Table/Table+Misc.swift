import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let misc: [String: Entry] = [:]
}
