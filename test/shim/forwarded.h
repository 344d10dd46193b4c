/* The functions that need nothing of their own: FORWARD(name, session, (parameters), (arguments)), PKCS#11 v2.40. */
FORWARD(C_GetInfo, 0, (CK_INFO_PTR a), (a))
FORWARD(C_GetSlotInfo, 0, (CK_SLOT_ID a, CK_SLOT_INFO_PTR b), (a, b))
FORWARD(C_GetTokenInfo, 0, (CK_SLOT_ID a, CK_TOKEN_INFO_PTR b), (a, b))
FORWARD(C_InitToken, 0, (CK_SLOT_ID a, CK_UTF8CHAR_PTR b, CK_ULONG c, CK_UTF8CHAR_PTR d), (a, b, c, d))
FORWARD(C_InitPIN, session, (CK_SESSION_HANDLE session, CK_UTF8CHAR_PTR b, CK_ULONG c), (session, b, c))
FORWARD(C_SetPIN, session,
        (CK_SESSION_HANDLE session, CK_UTF8CHAR_PTR b, CK_ULONG c, CK_UTF8CHAR_PTR d, CK_ULONG e),
        (session, b, c, d, e))
FORWARD(C_GetSessionInfo, session, (CK_SESSION_HANDLE session, CK_SESSION_INFO_PTR b), (session, b))
FORWARD(C_GetOperationState, session, (CK_SESSION_HANDLE session, CK_BYTE_PTR b, CK_ULONG_PTR c), (session, b, c))
FORWARD(C_SetOperationState, session,
        (CK_SESSION_HANDLE session, CK_BYTE_PTR b, CK_ULONG c, CK_OBJECT_HANDLE d, CK_OBJECT_HANDLE e),
        (session, b, c, d, e))
FORWARD(C_Login, session,
        (CK_SESSION_HANDLE session, CK_USER_TYPE b, CK_UTF8CHAR_PTR c, CK_ULONG d),
        (session, b, c, d))
FORWARD(C_Logout, session, (CK_SESSION_HANDLE session), (session))
FORWARD(C_CreateObject, session,
        (CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR b, CK_ULONG c, CK_OBJECT_HANDLE_PTR d),
        (session, b, c, d))
FORWARD(C_CopyObject, session,
        (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE b, CK_ATTRIBUTE_PTR c, CK_ULONG d, CK_OBJECT_HANDLE_PTR e),
        (session, b, c, d, e))
FORWARD(C_DestroyObject, session, (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE b), (session, b))
FORWARD(C_GetObjectSize, session, (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE b, CK_ULONG_PTR c), (session, b, c))
FORWARD(C_GetAttributeValue, session,
        (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE b, CK_ATTRIBUTE_PTR c, CK_ULONG d),
        (session, b, c, d))
FORWARD(C_SetAttributeValue, session,
        (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE b, CK_ATTRIBUTE_PTR c, CK_ULONG d),
        (session, b, c, d))
FORWARD(C_FindObjectsInit, session, (CK_SESSION_HANDLE session, CK_ATTRIBUTE_PTR b, CK_ULONG c), (session, b, c))
FORWARD(C_FindObjects, session,
        (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE_PTR b, CK_ULONG c, CK_ULONG_PTR d),
        (session, b, c, d))
FORWARD(C_FindObjectsFinal, session, (CK_SESSION_HANDLE session), (session))
FORWARD(C_EncryptInit, session, (CK_SESSION_HANDLE session, CK_MECHANISM_PTR b, CK_OBJECT_HANDLE c), (session, b, c))
FORWARD(C_Encrypt, session,
        (CK_SESSION_HANDLE session, CK_BYTE_PTR b, CK_ULONG c, CK_BYTE_PTR d, CK_ULONG_PTR e),
        (session, b, c, d, e))
FORWARD(C_EncryptUpdate, session,
        (CK_SESSION_HANDLE session, CK_BYTE_PTR b, CK_ULONG c, CK_BYTE_PTR d, CK_ULONG_PTR e),
        (session, b, c, d, e))
FORWARD(C_EncryptFinal, session, (CK_SESSION_HANDLE session, CK_BYTE_PTR b, CK_ULONG_PTR c), (session, b, c))
FORWARD(C_DecryptInit, session, (CK_SESSION_HANDLE session, CK_MECHANISM_PTR b, CK_OBJECT_HANDLE c), (session, b, c))
FORWARD(C_Decrypt, session,
        (CK_SESSION_HANDLE session, CK_BYTE_PTR b, CK_ULONG c, CK_BYTE_PTR d, CK_ULONG_PTR e),
        (session, b, c, d, e))
FORWARD(C_DecryptUpdate, session,
        (CK_SESSION_HANDLE session, CK_BYTE_PTR b, CK_ULONG c, CK_BYTE_PTR d, CK_ULONG_PTR e),
        (session, b, c, d, e))
FORWARD(C_DecryptFinal, session, (CK_SESSION_HANDLE session, CK_BYTE_PTR b, CK_ULONG_PTR c), (session, b, c))
FORWARD(C_DigestInit, session, (CK_SESSION_HANDLE session, CK_MECHANISM_PTR b), (session, b))
FORWARD(C_Digest, session,
        (CK_SESSION_HANDLE session, CK_BYTE_PTR b, CK_ULONG c, CK_BYTE_PTR d, CK_ULONG_PTR e),
        (session, b, c, d, e))
FORWARD(C_DigestUpdate, session, (CK_SESSION_HANDLE session, CK_BYTE_PTR b, CK_ULONG c), (session, b, c))
FORWARD(C_DigestKey, session, (CK_SESSION_HANDLE session, CK_OBJECT_HANDLE b), (session, b))
FORWARD(C_DigestFinal, session, (CK_SESSION_HANDLE session, CK_BYTE_PTR b, CK_ULONG_PTR c), (session, b, c))
FORWARD(C_SignUpdate, session, (CK_SESSION_HANDLE session, CK_BYTE_PTR b, CK_ULONG c), (session, b, c))
FORWARD(C_SignFinal, session, (CK_SESSION_HANDLE session, CK_BYTE_PTR b, CK_ULONG_PTR c), (session, b, c))
FORWARD(C_SignRecoverInit, session,
        (CK_SESSION_HANDLE session, CK_MECHANISM_PTR b, CK_OBJECT_HANDLE c),
        (session, b, c))
FORWARD(C_SignRecover, session,
        (CK_SESSION_HANDLE session, CK_BYTE_PTR b, CK_ULONG c, CK_BYTE_PTR d, CK_ULONG_PTR e),
        (session, b, c, d, e))
FORWARD(C_VerifyInit, session, (CK_SESSION_HANDLE session, CK_MECHANISM_PTR b, CK_OBJECT_HANDLE c), (session, b, c))
FORWARD(C_Verify, session,
        (CK_SESSION_HANDLE session, CK_BYTE_PTR b, CK_ULONG c, CK_BYTE_PTR d, CK_ULONG e),
        (session, b, c, d, e))
FORWARD(C_VerifyUpdate, session, (CK_SESSION_HANDLE session, CK_BYTE_PTR b, CK_ULONG c), (session, b, c))
FORWARD(C_VerifyFinal, session, (CK_SESSION_HANDLE session, CK_BYTE_PTR b, CK_ULONG c), (session, b, c))
FORWARD(C_VerifyRecoverInit, session,
        (CK_SESSION_HANDLE session, CK_MECHANISM_PTR b, CK_OBJECT_HANDLE c),
        (session, b, c))
FORWARD(C_VerifyRecover, session,
        (CK_SESSION_HANDLE session, CK_BYTE_PTR b, CK_ULONG c, CK_BYTE_PTR d, CK_ULONG_PTR e),
        (session, b, c, d, e))
FORWARD(C_DigestEncryptUpdate, session,
        (CK_SESSION_HANDLE session, CK_BYTE_PTR b, CK_ULONG c, CK_BYTE_PTR d, CK_ULONG_PTR e),
        (session, b, c, d, e))
FORWARD(C_DecryptDigestUpdate, session,
        (CK_SESSION_HANDLE session, CK_BYTE_PTR b, CK_ULONG c, CK_BYTE_PTR d, CK_ULONG_PTR e),
        (session, b, c, d, e))
FORWARD(C_SignEncryptUpdate, session,
        (CK_SESSION_HANDLE session, CK_BYTE_PTR b, CK_ULONG c, CK_BYTE_PTR d, CK_ULONG_PTR e),
        (session, b, c, d, e))
FORWARD(C_DecryptVerifyUpdate, session,
        (CK_SESSION_HANDLE session, CK_BYTE_PTR b, CK_ULONG c, CK_BYTE_PTR d, CK_ULONG_PTR e),
        (session, b, c, d, e))
FORWARD(C_GenerateKey, session,
        (CK_SESSION_HANDLE session, CK_MECHANISM_PTR b, CK_ATTRIBUTE_PTR c, CK_ULONG d, CK_OBJECT_HANDLE_PTR e),
        (session, b, c, d, e))
FORWARD(C_GenerateKeyPair, session,
        (CK_SESSION_HANDLE session, CK_MECHANISM_PTR b, CK_ATTRIBUTE_PTR c, CK_ULONG d, CK_ATTRIBUTE_PTR e,
         CK_ULONG f, CK_OBJECT_HANDLE_PTR g, CK_OBJECT_HANDLE_PTR h),
        (session, b, c, d, e, f, g, h))
FORWARD(C_WrapKey, session,
        (CK_SESSION_HANDLE session, CK_MECHANISM_PTR b, CK_OBJECT_HANDLE c, CK_OBJECT_HANDLE d, CK_BYTE_PTR e,
         CK_ULONG_PTR f),
        (session, b, c, d, e, f))
FORWARD(C_UnwrapKey, session,
        (CK_SESSION_HANDLE session, CK_MECHANISM_PTR b, CK_OBJECT_HANDLE c, CK_BYTE_PTR d, CK_ULONG e,
         CK_ATTRIBUTE_PTR f, CK_ULONG g, CK_OBJECT_HANDLE_PTR h),
        (session, b, c, d, e, f, g, h))
FORWARD(C_DeriveKey, session,
        (CK_SESSION_HANDLE session, CK_MECHANISM_PTR b, CK_OBJECT_HANDLE c, CK_ATTRIBUTE_PTR d, CK_ULONG e,
         CK_OBJECT_HANDLE_PTR f),
        (session, b, c, d, e, f))
FORWARD(C_SeedRandom, session, (CK_SESSION_HANDLE session, CK_BYTE_PTR b, CK_ULONG c), (session, b, c))
FORWARD(C_GenerateRandom, session, (CK_SESSION_HANDLE session, CK_BYTE_PTR b, CK_ULONG c), (session, b, c))
FORWARD(C_GetFunctionStatus, session, (CK_SESSION_HANDLE session), (session))
FORWARD(C_CancelFunction, session, (CK_SESSION_HANDLE session), (session))
FORWARD(C_WaitForSlotEvent, 0, (CK_FLAGS a, CK_SLOT_ID_PTR b, CK_VOID_PTR c), (a, b, c))
