// SPDX-License-Identifier: MIT

/**
 * Every `code` a {@link VfioError} of this library can carry, with what it means. Failures of a system call carry the errno's
 * name instead (`EBUSY`), as Node's own do: see {@link VfioSystemError}.
 */
export const errorCodes = {
  ERR_VFIO_ADDON_NOT_FOUND: 'the native addon is missing or cannot be loaded on this machine',
  ERR_VFIO_UNSUPPORTED_PLATFORM: 'VFIO exists on Linux only',
  ERR_VFIO_NO_EXTERNAL_BUFFERS: 'this JavaScript engine forbids ArrayBuffers over foreign memory',
  ERR_VFIO_DEVICE_SPEC: 'the device specification does not follow the grammar',
  ERR_VFIO_NO_SUCH_DEVICE: 'no such device on this host',
  ERR_VFIO_NOT_BOUND: 'the device is not bound to a VFIO driver',
  ERR_VFIO_PERMISSION: 'no permission to open the VFIO node',
  ERR_VFIO_NO_SUCH_DRIVER: 'the driver is not there: its module is not loaded, or this kernel has none',
  ERR_VFIO_HOST_CHANGE:
    'a change of the host failed; what was changed by then was put back as far as possible',
  ERR_VFIO_GROUP_NOT_VIABLE: 'a sibling in the IOMMU group is bound to a driver that is not VFIO',
  ERR_VFIO_IN_USE: 'somebody else, or this process, holds the device or its group',
  ERR_VFIO_NOIOMMU: 'the group has no IOMMU protection and was not asked for by name',
  ERR_VFIO_NOT_A_DEVICE: 'the descriptor is not what it was said to be, for example no VFIO device',
  ERR_VFIO_NOT_HANDED_OVER: 'nobody handed over what was asked for, or the other side refused it',
  ERR_VFIO_SOCKET_PLACE: 'no safe place for a socket that devices are handed over',
  ERR_VFIO_NO_SUCH_REGION: 'the device has no such region, or not at that offset',
  ERR_VFIO_REGION_FORBIDDEN: 'the device is in a state in which this region must not be touched',
  ERR_VFIO_MAPPED: 'a mapping of the device is open that this call would make deadly to touch',
  ERR_VFIO_VF_TOKEN: 'the VF token is missing, wrong, malformed, or not wanted',
  ERR_VFIO_NO_SUCH_INTERRUPT: 'the device has no such interrupt, or it is not enabled',
  ERR_VFIO_NOT_MIGRATABLE: 'the device offers neither migration protocol',
  ERR_VFIO_TRANSITION: 'a device did not enter the state that was asked for',
  ERR_VFIO_NO_ROUTE: 'no legal route leads from the device state to the one that was asked for',
  ERR_VFIO_NO_CONVERGENCE: 'the switchover policy gave a save up: the device dirties its state too fast',
  ERR_VFIO_INCOMPATIBLE: 'source and destination differ in protocol, kind or size',
  ERR_VFIO_CHUNK_TOO_LARGE: 'a v1 chunk does not fit the data section of the destination',
  ERR_VFIO_CHUNK_BORDERS: 'a v1 stream without frames has lost its chunk borders',
  ERR_VFIO_MALFORMED: 'a device, a file or a peer said something impossible',
  ERR_VFIO_SHORT_TRANSFER: 'fewer bytes moved than the interface promises',
  ERR_VFIO_UNSUPPORTED: 'this device has no such thing',
  ERR_VFIO_STREAM_TRUNCATED: 'the stream ends before its end record',
  ERR_VFIO_STREAM_CORRUPT: 'the stream fails its integrity check',
  ERR_VFIO_STREAM_VERSION: 'the stream has a format version that this reader does not know',
  ERR_VFIO_FILE_EXISTS: 'the file exists and overwriting was not asked for',
  ERR_VFIO_MIGRATION: 'a migration failed for a reason that has no code of its own',
  ERR_VFIO_BUSY: 'another operation of this kind is in progress on the handle',
  ERR_VFIO_NOT_TRACKING: 'dirty tracking is off',
  ERR_VFIO_SESSION_ENDED: 'the save or load session is over',
  ERR_VFIO_PEER_LOST:
    'the process at the other end of a socket has gone, or the connection to it was given up',
  ERR_VFIO_PEER_TIMEOUT:
    'the process at the other end of a socket did not answer in time; the connection was given up',
  ERR_VFIO_NO_P2P: 'several devices are to move as one, and not all of them can be quieted before any stops',
  ERR_VFIO_JOURNAL: 'the journal of a migration is missing, damaged, or cannot be written',
  ERR_VFIO_ID_USED: 'there has been a migration of that id: ids are used once',
  ERR_VFIO_UNAUTHORISED: 'the peer may not load into these devices',
  ERR_VFIO_DEVICE_TROUBLE:
    'the driver of a device spoke up while it moved: wanted back, unplugged, or an AER error',
  ERR_VFIO_PROTOCOL: 'the engine at the other end said something that makes no sense where it stands',
  ERR_VFIO_OUTCOME_UNKNOWN: 'committed, but the destination was not heard of since: it may run there',
  ERR_VFIO_ABORTED_BY_PEER: 'the other side gave the migration up',
  ERR_VFIO_ADDRESS:
    'the address of a peer or of a listener does not follow the grammar, or may not be used like that',
  ERR_VFIO_PEER_REFUSED: 'the other side of a connection is not who it has to be, or refused this side',
  ERR_VFIO_CREDENTIALS: 'an authority, a certificate or a private key cannot be used',
  ERR_VFIO_CLOSED: 'the handle is closed',
} as const

/** A stable code of a library failure. */
export type ErrorCode = keyof typeof errorCodes
