{{- define "dmp-facade.name" -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}

{{- define "dmp-facade.selector" -}}
app.kubernetes.io/name: dmp-facade
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "dmp-facade.outbox-selector" -}}
app.kubernetes.io/name: dmp-facade-outbox
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "dmp-facade.labels" -}}
{{ include "dmp-facade.selector" . }}
{{ include "dmp-facade.release" . }}
{{- end -}}

{{- define "dmp-facade.outbox-labels" -}}
{{ include "dmp-facade.outbox-selector" . }}
{{ include "dmp-facade.release" . }}
{{- end -}}

{{- define "dmp-facade.release" -}}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ .Chart.Name }}-{{ .Chart.Version }}
{{- end -}}

{{- define "dmp-facade.image" -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}

{{/* One container: the server, or another command of the same program on the same settings. */}}
{{- define "dmp-facade.container" -}}
image: {{ include "dmp-facade.image" . }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
env:
  - name: DMP_FACADE_CONFIG
    value: /etc/dmp-facade/facade.toml
  - name: DMP_FACADE_SEAL_SECRETS
    valueFrom:
      secretKeyRef: {name: {{ .Values.secrets.existingSecret }}, key: seal-secrets}
  - name: DMP_FACADE_DATABASE_URL
    valueFrom:
      secretKeyRef: {name: {{ .Values.secrets.existingSecret }}, key: database-url}
  - name: DMP_FACADE_DMP__HOMOLOGATION_ID
    valueFrom:
      secretKeyRef: {name: {{ .Values.secrets.existingSecret }}, key: homologation-id, optional: true}
  - name: DMP_FACADE_DMP__AUTH_PASSWORD
    valueFrom:
      secretKeyRef: {name: {{ .Values.secrets.existingSecret }}, key: auth-password, optional: true}
  - name: DMP_FACADE_DMP__SIGN_PASSWORD
    valueFrom:
      secretKeyRef: {name: {{ .Values.secrets.existingSecret }}, key: sign-password, optional: true}
  - name: DMP_FACADE_MAIL__PASSWORD
    valueFrom:
      secretKeyRef: {name: {{ .Values.secrets.existingSecret }}, key: mail-password, optional: true}
  - name: DMP_FACADE_SUPERVISION__WEBHOOK_SECRET
    valueFrom:
      secretKeyRef: {name: {{ .Values.secrets.existingSecret }}, key: webhook-secret, optional: true}
volumeMounts:
  - {name: settings, mountPath: /etc/dmp-facade/facade.toml, subPath: facade.toml, readOnly: true}
  - {name: certificates, mountPath: /etc/dmp-facade/certificates, readOnly: true}
  - {name: temporary, mountPath: /tmp}
{{- end -}}

{{- define "dmp-facade.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: {type: RuntimeDefault}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
volumes:
  - name: settings
    configMap: {name: {{ include "dmp-facade.name" . }}}
  - name: certificates
    secret: {secretName: {{ .Values.secrets.certificates }}, defaultMode: 0440}
  - name: temporary
    emptyDir: {sizeLimit: 256Mi}
{{- end -}}
