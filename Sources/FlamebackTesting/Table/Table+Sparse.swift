import Flameback
import FlamebackCore
import FlamebackKernels

extension OperatorTable {
  static let sparse: [String: Entry] = [:]
}
