/* The functions of the module: each asks the control, calls the real module's, and logs. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include "shim.h"

static CK_FUNCTION_LIST_PTR real;

#define CALL(name, id) Call call = {.function = #name, .session = id}
#define PASS(name, arguments) (call.forwarded = true, call.result = call.real = real->name arguments)
/* Static, so that the real module's own symbols are not bound to ours. */
#define FORWARD(name, session, parameters, arguments) \
  static CK_RV shim_##name parameters {               \
    CALL(name, session);                              \
    if (lets(&call)) PASS(name, arguments);           \
    return logged(&call);                             \
  }

#include "forwarded.h"

static CK_RV shim_C_Initialize(CK_VOID_PTR arguments) {
  CALL(C_Initialize, 0);
  if (lets(&call) && PASS(C_Initialize, (arguments)) == CKR_OK) rememberToken();
  return logged(&call);
}

static CK_RV shim_C_Finalize(CK_VOID_PTR reserved) {
  CALL(C_Finalize, 0);
  if (lets(&call) && PASS(C_Finalize, (reserved)) == CKR_OK) openSessions = 0;
  return logged(&call);
}

static CK_RV shim_C_OpenSession(CK_SLOT_ID slot, CK_FLAGS flags, CK_VOID_PTR application, CK_NOTIFY notify,
                                CK_SESSION_HANDLE_PTR session) {
  CALL(C_OpenSession, 0);
  if (lets(&call) && PASS(C_OpenSession, (slot, flags, application, notify, session)) == CKR_OK) {
    openSessions++;
    call.session = *session;
  }
  return logged(&call);
}

static CK_RV shim_C_CloseSession(CK_SESSION_HANDLE session) {
  CALL(C_CloseSession, session);
  if (lets(&call) && PASS(C_CloseSession, (session)) == CKR_OK) openSessions--;
  return logged(&call);
}

static CK_RV shim_C_CloseAllSessions(CK_SLOT_ID slot) {
  CALL(C_CloseAllSessions, 0);
  if (lets(&call) && PASS(C_CloseAllSessions, (slot)) == CKR_OK) openSessions = 0;
  return logged(&call);
}

static CK_RV shim_C_GetSlotList(CK_BBOOL tokenPresent, CK_SLOT_ID_PTR slots, CK_ULONG_PTR count) {
  CALL(C_GetSlotList, 0);
  if (lets(&call) && PASS(C_GetSlotList, (tokenPresent, slots, count)) == CKR_OK && control.absent && tokenPresent) {
    call.fault = "absent";
    *count = 0;
  }
  return logged(&call);
}

/* Takes the hidden ones out of all that there are; whether there is room for the rest is for us to say. */
static CK_RV visibleMechanisms(CK_SLOT_ID slot, CK_MECHANISM_TYPE_PTR mechanisms, CK_ULONG_PTR count) {
  CK_ULONG all = 0, visible = 0;
  CK_RV result = real->C_GetMechanismList(slot, NULL, &all);
  if (result != CKR_OK) return result;
  CK_MECHANISM_TYPE_PTR list = calloc(all + 1, sizeof *list);
  result = real->C_GetMechanismList(slot, list, &all);
  for (CK_ULONG i = 0; result == CKR_OK && i < all; i++)
    if (!isHidden(list[i])) list[visible++] = list[i];
  if (result == CKR_OK && mechanisms && *count < visible) result = CKR_BUFFER_TOO_SMALL;
  for (CK_ULONG i = 0; result == CKR_OK && mechanisms && i < visible; i++) mechanisms[i] = list[i];
  *count = visible;
  free(list);
  return result;
}

static CK_RV shim_C_GetMechanismList(CK_SLOT_ID slot, CK_MECHANISM_TYPE_PTR mechanisms, CK_ULONG_PTR count) {
  CALL(C_GetMechanismList, 0);
  if (lets(&call)) {
    call.forwarded = true;
    call.result = call.real = visibleMechanisms(slot, mechanisms, count);
  }
  return logged(&call);
}

static CK_RV shim_C_GetMechanismInfo(CK_SLOT_ID slot, CK_MECHANISM_TYPE type, CK_MECHANISM_INFO_PTR info) {
  CALL(C_GetMechanismInfo, 0);
  if (lets(&call)) {
    PASS(C_GetMechanismInfo, (slot, type, info));
    if (isHidden(type)) call.fault = "hide", call.result = CKR_MECHANISM_INVALID;
  }
  return logged(&call);
}

/* A new private key of the kind of `key`, which lives as long as its session. */
static CK_OBJECT_HANDLE stranger(CK_SESSION_HANDLE session, CK_OBJECT_HANDLE key) {
  CK_BYTE curve[32], modulus[1024], exponent[] = {1, 0, 1};
  CK_KEY_TYPE type = 0;
  CK_ATTRIBUTE kind = {CKA_KEY_TYPE, &type, sizeof type}, ec = {CKA_EC_PARAMS, curve, sizeof curve};
  CK_ATTRIBUTE rsa = {CKA_MODULUS, modulus, sizeof modulus};
  if (real->C_GetAttributeValue(session, key, &kind, 1) != CKR_OK) die("otherkey: the key tells no type");
  bool isRsa = type == CKK_RSA;
  if (real->C_GetAttributeValue(session, key, isRsa ? &rsa : &ec, 1) != CKR_OK) die("otherkey: the key tells no size");
  CK_ULONG bits = 8 * rsa.ulValueLen;
  CK_BBOOL yes = CK_TRUE;
  CK_ATTRIBUTE rsaTemplate[] = {{CKA_MODULUS_BITS, &bits, sizeof bits}, {CKA_PUBLIC_EXPONENT, exponent, 3}};
  CK_ATTRIBUTE privateTemplate[] = {{CKA_SIGN, &yes, sizeof yes}};
  CK_MECHANISM mechanism = {isRsa ? CKM_RSA_PKCS_KEY_PAIR_GEN : CKM_EC_KEY_PAIR_GEN, NULL, 0};
  CK_OBJECT_HANDLE publicKey, privateKey;
  CK_RV result = real->C_GenerateKeyPair(session, &mechanism, isRsa ? rsaTemplate : &ec, isRsa ? 2 : 1, privateTemplate,
                                         1, &publicKey, &privateKey);
  if (result != CKR_OK) die("otherkey: no other key: 0x%lx", result);
  return privateKey;
}

static CK_MECHANISM_TYPE lastMechanism;

static CK_RV shim_C_SignInit(CK_SESSION_HANDLE session, CK_MECHANISM_PTR mechanism, CK_OBJECT_HANDLE key) {
  CALL(C_SignInit, session);
  call.mechanism = lastMechanism = mechanism->mechanism;
  if (lets(&call)) PASS(C_SignInit, (session, mechanism, call.otherKey ? stranger(session, key) : key));
  return logged(&call);
}

static CK_RV shim_C_Sign(CK_SESSION_HANDLE session, CK_BYTE_PTR data, CK_ULONG length, CK_BYTE_PTR signature,
                         CK_ULONG_PTR signatureLength) {
  CALL(C_Sign, session);
  call.mechanism = lastMechanism;
  call.input = data;
  call.inputLength = length;
  bool passes = lets(&call);
  if (passes && PASS(C_Sign, (session, data, length, signature, signatureLength)) == CKR_OK && call.flip && signature)
    signature[*signatureLength / 2] ^= 0x10;
  return logged(&call);
}

static CK_RV shim_C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list);

#define CK_PKCS11_FUNCTION_INFO(name) .name = shim_##name,
static CK_FUNCTION_LIST shim = {
#include <pkcs11/pkcs11f.h>
};

static CK_RV shim_C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list) {
  *list = &shim;
  return CKR_OK;
}

/* The one symbol that a caller looks up. The real module is the one that the control names at that moment. */
__attribute__((visibility("default"))) CK_RV C_GetFunctionList(CK_FUNCTION_LIST_PTR_PTR list) {
  refreshControl();
  void *library = dlopen(control.module, RTLD_NOW | RTLD_LOCAL);
  if (!library) die("%s", dlerror());
  CK_C_GetFunctionList find = (CK_C_GetFunctionList)dlsym(library, "C_GetFunctionList");
  if (!find || find(&real) != CKR_OK) die("%s is no PKCS#11 module", control.module);
  shim.version = real->version;
  return shim_C_GetFunctionList(list);
}
